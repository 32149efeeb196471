// Light, dark, or as the system has it. A classic script before the style sheet, so that the page is never shown
// in the wrong colours first.
//
// SPDX-License-Identifier: MIT
"use strict";
(() => {
    const NAME = "seep-theme";
    const choices = ["system", "light", "dark"];
    let chosen = "system";

    try {
        chosen = localStorage.getItem(NAME) ?? chosen;
    } catch {
        // Without storage the choice lasts as long as the page.
    }
    function use(choice) {
        chosen = choices.includes(choice) ? choice : "system";
        if (chosen === "system") {
            delete document.documentElement.dataset.theme;
        } else {
            document.documentElement.dataset.theme = chosen;
        }
    }
    use(chosen);
    window.seepTheme = {
        chosen: () => chosen,
        next() {
            use(choices[(choices.indexOf(chosen) + 1) % choices.length]);
            try {
                localStorage.setItem(NAME, chosen);
            } catch {
                // As above.
            }
            return chosen;
        },
    };
})();

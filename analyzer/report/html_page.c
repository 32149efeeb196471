/* The frame of a page that needs nothing else.
 *
 * Style and script are the same in every page, and the page's Content-Security-Policy
 * admits exactly these two by their hashes and no address at all: should a name get past
 * the escapes, no browser runs or fetches what it says.
 *
 * SPDX-License-Identifier: MIT
 */
#include "report/html_page.h"

#include "report/html_assets.h"
#include "report/html_text.h"

void seep_html_page_begin(struct seep_buf *out)
{
    seep_buf_printf(out,
                    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
                    "<meta charset=\"utf-8\">\n"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
                    "'none'; style-src ");
    seep_html_text_put_hash(out, SEEP_HTML_STYLE.sha256_hex);
    seep_buf_printf(out, "; script-src ");
    seep_html_text_put_hash(out, SEEP_HTML_SCRIPT.sha256_hex);
    seep_buf_printf(out, "; base-uri 'none'; form-action 'none'\">\n"
                         "<meta name=\"viewport\" "
                         "content=\"width=device-width, initial-scale=1\">\n"
                         "<meta name=\"color-scheme\" content=\"light dark\">\n"
                         "<meta name=\"referrer\" content=\"no-referrer\">\n"
                         "<title>");
}

void seep_html_page_body(struct seep_buf *out)
{
    seep_buf_printf(out, "</title>\n<style>");
    seep_buf_put(out, SEEP_HTML_STYLE.bytes, SEEP_HTML_STYLE.len_bytes);
    seep_buf_printf(out, "</style>\n</head>\n<body>\n");
}

void seep_html_page_end(struct seep_buf *out)
{
    seep_buf_printf(out, "<script>");
    seep_buf_put(out, SEEP_HTML_SCRIPT.bytes, SEEP_HTML_SCRIPT.len_bytes);
    seep_buf_printf(out, "</script>\n</body>\n</html>\n");
}

void seep_html_page_put_command(struct seep_buf *out,
                                const struct seep_findings *findings)
{
    for (size_t i = 0; i < findings->command_count; i++) {
        seep_buf_printf(out, i > 0 ? " " : "");
        seep_html_text_put(out, findings->command[i]);
    }
    if (findings->command_count == 0) {
        seep_html_text_put(out, findings->exe);
    }
}

/* The wire formats: what each provider is sent for the same conversation, and what is
 * read from its answers. The expected documents follow the providers' references.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ai/ai_dialect.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char conversation[] =
    "[{'role':'system','content':'Be brief.'},"
    " {'role':'user','content':'Is the lamp on?'},"
    " {'role':'assistant','content':'','tool_calls':["
    "   {'id':'c1','name':'get','arguments':{'id':'lamp'}},"
    "   {'id':'c2','name':'get','arguments':{'id':'fan'}}]},"
    " {'role':'tool','tool_call_id':'c1','name':'get','content':'{\\'on\\':true}'},"
    " {'role':'tool','tool_call_id':'c2','name':'get','content':'plain'}]";

static const char tool_list[] =
    "[{'name':'get','description':'Reads.','parameters':{'type':'object'}}]";

/* JSON with ' for ", and \' for an escaped ". */
static json_t *parse(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    json_error_t error;
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &error);
    if (value == NULL) {
        fail_msg("%s at %d in %s", error.text, error.position, copy);
    }
    free(copy);
    return value;
}

static void assert_body(const char *name, const char *expected_text)
{
    const struct pma_dialect *dialect = pma_dialect_find(name);
    json_t *messages = parse(conversation);
    json_t *tools = parse(tool_list);
    json_t *stop = parse("['END']");
    const struct pma_ai_request request = {.messages = messages,
                                           .tools = tools,
                                           .stop = stop,
                                           .max_tokens = 50,
                                           .temperature = 0.5,
                                           .top_p = -1};
    json_t *body = dialect->chat_body(&request, "m1");
    json_t *expected = parse(expected_text);
    if (!json_equal(body, expected)) {
        char *got = json_dumps(body, JSON_SORT_KEYS | JSON_INDENT(1));
        char *want = json_dumps(expected, JSON_SORT_KEYS | JSON_INDENT(1));
        fail_msg("%s was sent\n%s\ninstead of\n%s", name, got, want);
    }
    json_decref(expected);
    json_decref(body);
    json_decref(stop);
    json_decref(tools);
    json_decref(messages);
}

static void openai_is_sent_chat_completions(void **state)
{
    char path[PMA_DIALECT_PATH_BYTES];
    (void)state;
    pma_dialect_find("openai")->chat_path("m1", path);
    assert_string_equal(path, "/v1/chat/completions");
    assert_body(
        "openai",
        "{'model':'m1','stream':false,'max_tokens':50,'temperature':0.5,'stop':['END'],"
        " 'messages':[{'role':'system','content':'Be brief.'},"
        "  {'role':'user','content':'Is the lamp on?'},"
        "  {'role':'assistant','content':'','tool_calls':["
        "   {'id':'c1','type':'function','function':{'name':'get',"
        "    'arguments':'{\\'id\\':\\'lamp\\'}'}},"
        "   {'id':'c2','type':'function','function':{'name':'get',"
        "    'arguments':'{\\'id\\':\\'fan\\'}'}}]},"
        "  {'role':'tool','tool_call_id':'c1','content':'{\\'on\\':true}'},"
        "  {'role':'tool','tool_call_id':'c2','content':'plain'}],"
        " 'tools':[{'type':'function','function':"
        "  {'name':'get','description':'Reads.','parameters':{'type':'object'}}}]}");
}

static void ollama_is_sent_a_chat_without_stream(void **state)
{
    (void)state;
    assert_body(
        "ollama",
        "{'model':'m1','stream':false,"
        " 'options':{'num_predict':50,'temperature':0.5,'stop':['END']},"
        " 'messages':[{'role':'system','content':'Be brief.'},"
        "  {'role':'user','content':'Is the lamp on?'},"
        "  {'role':'assistant','content':'','tool_calls':["
        "   {'function':{'name':'get','arguments':{'id':'lamp'}}},"
        "   {'function':{'name':'get','arguments':{'id':'fan'}}}]},"
        "  {'role':'tool','tool_name':'get','content':'{\\'on\\':true}'},"
        "  {'role':'tool','tool_name':'get','content':'plain'}],"
        " 'tools':[{'type':'function','function':"
        "  {'name':'get','description':'Reads.','parameters':{'type':'object'}}}]}");
}

static void claude_is_sent_blocks_with_all_results_in_one_message(void **state)
{
    (void)state;
    assert_body(
        "claude",
        "{'model':'m1','max_tokens':50,'temperature':0.5,'stop_sequences':['END'],"
        " 'system':'Be brief.',"
        " 'messages':[{'role':'user','content':'Is the lamp on?'},"
        "  {'role':'assistant','content':["
        "   {'type':'tool_use','id':'c1','name':'get','input':{'id':'lamp'}},"
        "   {'type':'tool_use','id':'c2','name':'get','input':{'id':'fan'}}]},"
        "  {'role':'user','content':["
        "   {'type':'tool_result','tool_use_id':'c1','content':'{\\'on\\':true}'},"
        "   {'type':'tool_result','tool_use_id':'c2','content':'plain'}]}],"
        " 'tools':[{'name':'get','description':'Reads.','input_schema':"
        "  {'type':'object'}}]}");
}

static void gemini_is_sent_parts_and_its_model_in_the_path(void **state)
{
    char path[PMA_DIALECT_PATH_BYTES];
    (void)state;
    pma_dialect_find("gemini")->chat_path("gemini-2.0", path);
    assert_string_equal(path, "/v1beta/models/gemini-2.0:generateContent");
    assert_body("gemini",
                "{'systemInstruction':{'parts':[{'text':'Be brief.'}]},"
                " 'generationConfig':{'maxOutputTokens':50,'temperature':0.5,"
                "  'stopSequences':['END']},"
                " 'contents':[{'role':'user','parts':[{'text':'Is the lamp on?'}]},"
                "  {'role':'model','parts':["
                "   {'functionCall':{'name':'get','args':{'id':'lamp'}}},"
                "   {'functionCall':{'name':'get','args':{'id':'fan'}}}]},"
                "  {'role':'user','parts':["
                "   {'functionResponse':{'name':'get','response':{'on':true}}},"
                "   {'functionResponse':{'name':'get','response':{'result':'plain'}}}]}],"
                " 'tools':[{'functionDeclarations':[{'name':'get','description':'Reads.',"
                "  'parameters':{'type':'object'}}]}]}");
}

static void a_models_name_cannot_choose_another_path(void **state)
{
    char path[PMA_DIALECT_PATH_BYTES];
    char longest[2000];
    (void)state;
    pma_dialect_find("gemini")->chat_path("../x?key=1#", path);
    assert_string_equal(path, "/v1beta/models/..%2Fx%3Fkey%3D1%23:generateContent");
    memset(longest, '/', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    pma_dialect_find("gemini")->chat_path(longest, path);
    assert_true(strlen(path) < PMA_DIALECT_PATH_BYTES);
    assert_non_null(strstr(path, ":generateContent"));
}

static void assert_answer(const char *name, const char *body_text, const char *finish,
                          const char *message_text)
{
    struct pma_ai_answer answer = {.message = NULL};
    json_t *body = parse(body_text);
    json_t *expected = parse(message_text);
    assert_int_equal(pma_dialect_find(name)->read_chat(body, &answer), 0);
    assert_true(json_equal(answer.message, expected));
    assert_string_equal(answer.finish_reason, finish);
    assert_int_equal(answer.prompt_tokens, 12);
    assert_int_equal(answer.completion_tokens, 7);
    assert_string_equal(answer.model, "m2");
    pma_ai_answer_fini(&answer);
    json_decref(expected);
    json_decref(body);
}

static void texts_are_read_from_all(void **state)
{
    static const char message[] = "{'role':'assistant','content':'Yes.'}";
    (void)state;
    assert_answer("openai",
                  "{'model':'m2','choices':[{'message':{'role':'assistant',"
                  "'content':'Yes.'},'finish_reason':'stop'}],"
                  "'usage':{'prompt_tokens':12,'completion_tokens':7}}",
                  "stop", message);
    assert_answer("ollama",
                  "{'model':'m2','message':{'role':'assistant','content':'Yes.'},"
                  "'done_reason':'stop','prompt_eval_count':12,'eval_count':7}",
                  "stop", message);
    assert_answer("claude",
                  "{'model':'m2','content':[{'type':'text','text':'Ye'},"
                  "{'type':'text','text':'s.'}],'stop_reason':'end_turn',"
                  "'usage':{'input_tokens':12,'output_tokens':7}}",
                  "stop", message);
    assert_answer("gemini",
                  "{'modelVersion':'m2','candidates':[{'content':{'role':'model',"
                  "'parts':[{'text':'Yes.'}]},'finishReason':'STOP'}],"
                  "'usageMetadata':{'promptTokenCount':12,'candidatesTokenCount':7}}",
                  "stop", message);
}

static void tool_calls_are_read_from_all(void **state)
{
    static const char with_c1[] = "{'role':'assistant','content':'','tool_calls':["
                                  "{'id':'c1','name':'get','arguments':{'id':'lamp'}}]}";
    static const char with_call_0[] =
        "{'role':'assistant','content':'','tool_calls':["
        "{'id':'call_0','name':'get','arguments':{'id':'lamp'}}]}";
    (void)state;
    assert_answer("openai",
                  "{'model':'m2','choices':[{'message':{'content':null,'tool_calls':["
                  "{'id':'c1','type':'function','function':{'name':'get',"
                  "'arguments':'{\\'id\\': \\'lamp\\'}'}}]},"
                  "'finish_reason':'tool_calls'}],"
                  "'usage':{'prompt_tokens':12,'completion_tokens':7}}",
                  "tool_calls", with_c1);
    assert_answer("ollama",
                  "{'model':'m2','message':{'content':'','tool_calls':[{'function':"
                  "{'name':'get','arguments':{'id':'lamp'}}}]},"
                  "'done_reason':'stop','prompt_eval_count':12,'eval_count':7}",
                  "tool_calls", with_call_0);
    assert_answer("claude",
                  "{'model':'m2','content':[{'type':'tool_use','id':'c1','name':'get',"
                  "'input':{'id':'lamp'}}],'stop_reason':'tool_use',"
                  "'usage':{'input_tokens':12,'output_tokens':7}}",
                  "tool_calls", with_c1);
    assert_answer("gemini",
                  "{'modelVersion':'m2','candidates':[{'content':{'parts':["
                  "{'functionCall':{'name':'get','args':{'id':'lamp'}}}]},"
                  "'finishReason':'STOP'}],"
                  "'usageMetadata':{'promptTokenCount':12,'candidatesTokenCount':7}}",
                  "tool_calls", with_call_0);
}

static void what_is_not_an_answer_is_refused_and_leaks_nothing(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "[]",
        "null",
        "'text'",
        "{'choices':[]}",
        "{'choices':{}}",
        "{'choices':[{'message':7}]}",
        "{'choices':[{'message':{'tool_calls':[{'function':{'name':'x',"
        "'arguments':'{'}}]}}]}",
        "{'choices':[{'message':{'tool_calls':[{'function':{'arguments':'{}'}}]}}]}",
        "{'choices':[{'message':{'tool_calls':[{'function':{'name':'x',"
        "'arguments':'[1]'}}]}}]}",
        "{'message':[]}",
        "{'message':{'tool_calls':[{'function':{'name':'','arguments':{}}}]}}",
        "{'content':'text'}",
        "{'content':[{'type':'text','text':'a'},{'type':'tool_use','id':'1'}]}",
        "{'candidates':[{'content':'x'}]}",
        "{'candidates':[{'content':{'parts':[{'text':'a'},{'functionCall':{}}]}}]}",
    };
    size_t dialects_count = 0;
    const struct pma_dialect *const *dialects = pma_dialects(&dialects_count);
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        json_t *body = parse(bodies[i]);
        for (size_t j = 0; j < dialects_count; j++) {
            struct pma_ai_answer answer = {.prompt_tokens = 77};
            assert_int_equal(dialects[j]->read_chat(body, &answer), -EPROTO);
            assert_null(answer.message);
            assert_int_equal(answer.prompt_tokens, 77);
        }
        json_decref(body);
    }
}

static void impossible_token_counts_are_none(void **state)
{
    struct pma_ai_answer answer;
    json_t *body = parse("{'message':{'content':'a'},'prompt_eval_count':-5,"
                         "'eval_count':9223372036854775807}");
    (void)state;
    assert_int_equal(pma_dialect_find("ollama")->read_chat(body, &answer), 0);
    assert_int_equal(answer.prompt_tokens, 0);
    assert_int_equal(answer.completion_tokens, 0);
    pma_ai_answer_fini(&answer);
    json_decref(body);
}

static void models_are_listed_up_to_a_limit(void **state)
{
    json_t *openai = parse("{'data':[{'id':'a'},{'id':'b'},{'x':1},7,{'id':'c'}]}");
    json_t *gemini = parse("{'models':[{'name':'models/g'}]}");
    json_t *models = pma_dialect_read_models(pma_dialect_find("openai"), openai, 2);
    (void)state;
    assert_int_equal(json_array_size(models), 2);
    assert_string_equal(json_string_value(json_array_get(models, 1)), "b");
    json_decref(models);
    models = pma_dialect_read_models(pma_dialect_find("gemini"), gemini, 9);
    assert_string_equal(json_string_value(json_array_get(models, 0)), "g");
    json_decref(models);
    assert_null(pma_dialect_read_models(pma_dialect_find("claude"), gemini, 9));
    assert_null(pma_dialect_find("scripted"));
    json_decref(gemini);
    json_decref(openai);
}

static void arguments_that_are_nested_too_deep_are_no_call(void **state)
{
    char deep[4001] = "{\"a\":";
    (void)state;
    memset(deep + 5, '[', 1990);
    memset(deep + 5 + 1990, ']', 1990);
    deep[5 + 2 * 1990] = '}'; /* and zeros behind it */
    json_t *text = json_string(deep);
    assert_null(pma_dialect_tool_call("c1", "get", text));
    json_decref(text);
    text = json_string("{\"a\":[[[]]]}");
    json_t *call = pma_dialect_tool_call("c1", "get", text);
    assert_non_null(call);
    json_decref(call);
    json_decref(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_is_sent_chat_completions),
        cmocka_unit_test(ollama_is_sent_a_chat_without_stream),
        cmocka_unit_test(claude_is_sent_blocks_with_all_results_in_one_message),
        cmocka_unit_test(gemini_is_sent_parts_and_its_model_in_the_path),
        cmocka_unit_test(a_models_name_cannot_choose_another_path),
        cmocka_unit_test(texts_are_read_from_all),
        cmocka_unit_test(tool_calls_are_read_from_all),
        cmocka_unit_test(arguments_that_are_nested_too_deep_are_no_call),
        cmocka_unit_test(what_is_not_an_answer_is_refused_and_leaks_nothing),
        cmocka_unit_test(impossible_token_counts_are_none),
        cmocka_unit_test(models_are_listed_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

//! Bodies and URLs that are nearly requests: each is refused, by what is wrong with it.

use axum::body::Body;

use super::app;
use super::refusals::ask;

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_body_that_is_no_request_is_refused_by_what_is_wrong_with_it() {
    let (_database, app) = app().await;
    let deep = format!(
        r#"{{"query":"{{__typename}}","variables":{}1{}}}"#,
        r#"{"a":"#.repeat(5000),
        "}".repeat(5000)
    );
    let deep_lists = format!(
        r#"{{"query":"{{__typename}}","extensions":{{"a":{}{}}}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    // Nobody reads what is unknown, and what stands behind it is looked at all the same.
    let passed_over = format!(
        r#"{{"query":"{{__typename}}","x":{}{},"variables":{{"a":1,"a":2}}}}"#,
        "[".repeat(130),
        "]".repeat(130)
    );
    for (body, says) in [
        (&b""[..], "the body is empty"),
        (b" \r\n\t", "the body is empty"),
        (b"{", "the body cannot be read as JSON"),
        (b"query", "the body cannot be read as JSON"),
        (b"{ posts { id } }", "the body cannot be read as JSON"),
        (b"null", "the body is null"),
        (b"7", "the body is a number"),
        (b"\"{ __typename }\"", "the body is a string"),
        (b"true", "the body is a boolean"),
        (b"[]", "the body is a list"),
        (b"{}", "the body has no `query`"),
        (br#"{"Query":"{__typename}"}"#, "the body has no `query`"),
        (br#"{"query":null}"#, "`query` of the body is null"),
        (br#"{"query":7}"#, "`query` of the body is a number"),
        (
            br#"{"query":["{__typename}"]}"#,
            "`query` of the body is a list",
        ),
        (br#"{"query":{"a":1}}"#, "`query` of the body is an object"),
        (
            br#"{"query":"{__typename}","variables":"{}"}"#,
            "`variables` of the body is a string",
        ),
        (
            br#"{"query":"{__typename}","variables":[]}"#,
            "`variables` of the body is a list",
        ),
        (
            br#"{"query":"{__typename}","variables":[1]}"#,
            "`variables` of the body is a list",
        ),
        (
            br#"{"query":"{__typename}","variables":0}"#,
            "`variables` of the body is a number",
        ),
        (
            br#"{"query":"{__typename}","variables":false}"#,
            "`variables` of the body is a boolean",
        ),
        (
            br#"{"query":"{__typename}","extensions":"x"}"#,
            "`extensions` of the body is a string",
        ),
        (
            br#"{"query":"{__typename}","extensions":[]}"#,
            "`extensions` of the body is a list",
        ),
        (
            br#"{"query":"{__typename}","operationName":7}"#,
            "`operationName` of the body is a number",
        ),
        (
            br#"{"query":"{__typename}","operationName":["A"]}"#,
            "`operationName` of the body is a list",
        ),
        (
            br#"{"query":"{__typename}","operationName":{}}"#,
            "`operationName` of the body is an object",
        ),
        (
            br#"{"query":"{__typename}","query":"{posts{id}}"}"#,
            "duplicate field `query`",
        ),
        (
            br#"{"query":"{__typename}","variables":{},"variables":{}}"#,
            "duplicate field `variables`",
        ),
        (
            br#"{"query":"{__typename}","operationName":null,"operationName":null}"#,
            "duplicate field `operationName`",
        ),
        (
            br#"{"query":"{__typename}","extensions":{},"extensions":{}}"#,
            "duplicate field `extensions`",
        ),
        (
            br#"{"query":"query($n:Int){posts(limit:$n){id}}","variables":{"n":1,"n":2}}"#,
            "`n` twice",
        ),
        (
            br#"{"query":"{__typename}","variables":{"w":{"and":[{"title":{},"\u0074itle":{}}]}}}"#,
            "`title` twice",
        ),
        (
            br#"{"query":"{__typename}","extensions":{"a":[{"b":1,"b":1}]}}"#,
            "`b` twice",
        ),
        (br#"{"query":"{__typename}","x":1,"x":1}"#, "`x` twice"),
        (
            b"\xEF\xBB\xBF{\"query\":\"{__typename}\"}",
            "byte order mark",
        ),
        (
            b"{\"query\":\"{__typename}\"}\xEF\xBB\xBF",
            "the body cannot be read as JSON",
        ),
        (br#"{"query":"{__typename}"} x"#, "trailing characters"),
        (
            br#"{"query":"{__typename}"}{"query":"{__typename}"}"#,
            "trailing characters",
        ),
        (br#"{"query":"{__typename}",}"#, "trailing comma"),
        (
            br#"{'query':'{__typename}'}"#,
            "the body cannot be read as JSON",
        ),
        (
            br#"{"query":"{__typename}" /* yes */}"#,
            "the body cannot be read as JSON",
        ),
        (
            br#"{"query":"{__typename}","variables":{"n":NaN}}"#,
            "the body cannot be read as JSON",
        ),
        (
            br#"{"query":"{__typename}","variables":{"n":01}}"#,
            "the body cannot be read as JSON",
        ),
        (
            b"{\"query\":\"{__typename}\",\"a\":\"\xFF\"}",
            "no UTF-8, from its byte 29 on",
        ),
        (b"{\"query\":\"{__type\xC3\"}", "no UTF-8"),
        (b"{\"query\":\"{__typename}\xED\xA0\x80\"}", "no UTF-8"),
        (b"\xFF\xFE{\0}\0", "no UTF-8"),
        (
            br#"{"query":"{__typename} # \ud83d"}"#,
            "the body cannot be read as JSON",
        ),
        (
            br#"{"query":"{__typename} # \ude00"}"#,
            "the body cannot be read as JSON",
        ),
        (
            br#"{"query":"{__typename}","variables":{"s":"\ud83d\ud83d"}}"#,
            "the body cannot be read as JSON",
        ),
        (
            br#"{"query":"{__typename} \x41"}"#,
            "the body cannot be read as JSON",
        ),
        (b"{\"query\":\"{__typename}\n\"}", "control character"),
        (b"{\"query\":\"{__typename}\0\"}", "control character"),
        (deep.as_bytes(), "recursion limit"),
        (deep_lists.as_bytes(), "recursion limit"),
        (passed_over.as_bytes(), "nested more than 126 deep"),
    ] {
        for accept in ["application/json", "application/graphql-response+json"] {
            let headers = [JSON, ("accept", accept)];
            let body_of = Body::from(body.to_vec());
            let answer = ask(&app.router, "POST", "/graphql", &headers, body_of).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            assert_eq!(answer.status, 400, "{shown}");
            let json = answer.json();
            assert!(json.get("data").is_none(), "{shown}");
            let error = &json["errors"][0];
            assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{shown}");
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(says), "{shown}: {message}");
            assert!(message.len() < 300, "{message}");
        }
    }
}

#[tokio::test]
async fn what_is_null_or_escaped_in_a_body_is_what_it_says() {
    let (_database, app) = app().await;
    for body in [
        r#"{"query":"{__typename}","variables":null,"operationName":null,"extensions":null}"#,
        r#"{"extensions":{"a":[1]},"variables":{"unused":{}},"query":"query A {__typename}","operationName":"A"}"#,
        r#"{"query":"{__typename}","other":[1,{"query":2}]}"#,
        "\u{20}\r\n\t{\"query\":\"{__typename}\"}\r\n\u{20}",
        r#"{"\u0071uery":"{__\u0074ypename} # \ud83d\ude00 \u00e9"}"#,
        "{\"query\":\"{__typename} # é\u{1F600}\u{FEFF}\"}",
    ] {
        let answer = ask(&app.router, "POST", "/graphql", &[JSON], Body::from(body)).await;
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(answer.json()["data"]["__typename"], "Query", "{body}");
    }
}

#[tokio::test]
async fn a_url_is_read_as_a_form_writes_it_and_nothing_in_it_is_guessed_at() {
    let (_database, app) = app().await;
    let found = "%7Bposts(search:%22%C3%A9%22)%7Bid%7D%7D";
    for (query, says) in [
        ("query=%7B__typename%7D", ""),
        ("query={__typename}", ""),
        ("query=%7B+__typename+%7D", ""),
        ("query=query+A%7B__typename%7D&operationName=A", ""),
        (
            "query=%7B__typename%7D&operationName=&variables=&extensions=",
            "",
        ),
        ("query=%7B__typename%7D&variables=null&extensions=null", ""),
        ("&&query=%7B__typename%7D&other=%FF&other=%&x", ""),
        ("%71uery=%7B__typename%7D", ""),
        (found, "the parameter `query` is missing"),
        ("", "the parameter `query` is missing"),
        ("Query=%7B__typename%7D", "the parameter `query` is missing"),
        (
            "query=%7B__typename%7D&query=%7B__typename%7D",
            "`query` comes more than once",
        ),
        (
            "query=%7B__typename%7D&query",
            "`query` comes more than once",
        ),
        (
            "query=%7B__typename%7D&variables=%7B%7D&variables=%7B%7D",
            "`variables` comes more than once",
        ),
        (
            "query=%7B__typename%7D&%6FperationName=A&operationName=A",
            "`operationName` comes more than once",
        ),
        (
            "query=%7B__typename%7D%",
            "`query` is not percent-encoded UTF-8",
        ),
        (
            "query=%7B__typename%7D%2",
            "`query` is not percent-encoded UTF-8",
        ),
        (
            "query=%7B__typename%7D%zz",
            "`query` is not percent-encoded UTF-8",
        ),
        (
            "query=%7B__typename%7D+%23+%FF",
            "`query` is not percent-encoded UTF-8",
        ),
        (
            "query=%7B__typename%7D+%23+%ED%A0%80",
            "`query` is not percent-encoded UTF-8",
        ),
        (
            "query=%7B__typename%7D+%23+%C3",
            "`query` is not percent-encoded UTF-8",
        ),
        (
            "query=%7B__typename%7D&variables=%7B",
            "`variables` is no JSON object",
        ),
        (
            "query=%7B__typename%7D&variables=%5B%5D",
            "`variables` is no JSON object",
        ),
        (
            "query=%7B__typename%7D&variables=%22%22",
            "`variables` is no JSON object",
        ),
        (
            "query=%7B__typename%7D&variables=%7B%22a%22:1,%22a%22:2%7D",
            "`a` twice",
        ),
        (
            "query=%7B__typename%7D&extensions=7",
            "`extensions` is no JSON object",
        ),
        (
            "query=%7B__typename%7D&variables=%7B%22a%22:%22%5Cud83d%22%7D",
            "`variables` is no JSON object",
        ),
    ] {
        let uri = format!("/graphql?{query}");
        let answer = ask(&app.router, "GET", &uri, &[], Body::empty()).await;
        if says.is_empty() {
            assert_eq!(answer.status, 200, "{query}");
            assert_eq!(answer.json()["data"]["__typename"], "Query", "{query}");
            continue;
        }
        assert_eq!(answer.status, 400, "{query}");
        let message = answer.json()["errors"][0]["message"].to_string();
        assert!(message.contains(says), "{query}: {message}");
    }
    // Text that is not ASCII arrives as it is: nothing has a replacement character in it.
    let query = "query($s:String)%7Bposts(where:%7Btitle:%7BiContains:$s%7D%7D)%7Bid%7D%7D";
    let uri = format!("/graphql?query={query}&variables=%7B%22s%22:%22%C3%A9+%F0%9F%98%80%22%7D");
    let answer = ask(&app.router, "GET", &uri, &[], Body::empty()).await;
    assert!(answer.json()["data"]["posts"].is_array());
}

#[tokio::test]
async fn a_post_asks_in_its_body_alone() {
    let (_database, app) = app().await;
    let body = r#"{"query":"{ __typename }"}"#;
    for (query, status) in [
        ("", 200),
        ("?", 200),
        ("?op=Name&x=%FF&y", 200),
        ("?query=%7B__typename%7D", 400),
        ("?a=b&%71uery=", 400),
        ("?variables=%7B%7D", 400),
        ("?operationName=A", 400),
        ("?extensions=", 400),
    ] {
        let uri = format!("/graphql{query}");
        let answer = ask(&app.router, "POST", &uri, &[JSON], Body::from(body)).await;
        assert_eq!(answer.status, status, "{query}");
        if status == 400 {
            let message = answer.json()["errors"][0]["message"].to_string();
            assert!(message.contains("in the body"), "{message}");
        }
    }
}

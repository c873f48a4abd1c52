//! Bedrock's citations in Anthropic's words: the same facts, and the words that clients know.
//!
//! API: <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Citation.html>

use serde::Serialize;

use super::types::Citation;
use crate::wire::model::Json;

/// One of Anthropic's citations, whose members depend on the type.
#[derive(Debug, Default, Serialize)]
struct Anthropics {
    #[serde(rename = "type")]
    kind: &'static str,
    cited_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    document_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_char_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_char_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_page_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_page_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_block_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_block_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    search_result_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

/// The same citation in Anthropic's words. `None`: it does not say where.
pub fn to_anthropic(citation: Citation) -> Option<Json> {
    let cited_text: String = citation.source_content.iter().map(|content| content.text.as_str()).collect();
    let (title, source, location) = (citation.title, citation.source, citation.location);
    let mut said = Anthropics { cited_text, ..Anthropics::default() };
    if let Some(web) = location.web {
        (said.kind, said.url, said.title) = ("web_search_result_location", web.url, title);
    } else if let Some(span) = location.search_result_location {
        (said.kind, said.source, said.title) = ("search_result_location", source, title);
        said.search_result_index = span.search_result_index;
        (said.start_block_index, said.end_block_index) = (span.start, span.end);
    } else if let Some(span) = location.document_char {
        (said.kind, said.document_index, said.document_title) = ("char_location", span.document_index, title);
        (said.start_char_index, said.end_char_index) = (span.start, span.end);
    } else if let Some(span) = location.document_page {
        (said.kind, said.document_index, said.document_title) = ("page_location", span.document_index, title);
        (said.start_page_number, said.end_page_number) = (span.start, span.end);
    } else {
        let span = location.document_chunk?;
        (said.kind, said.document_index, said.document_title) = ("content_block_location", span.document_index, title);
        (said.start_block_index, said.end_block_index) = (span.start, span.end);
    }
    Json::of(&said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_are_kept() {
        let check = |location: &str, expected: &str| {
            let citation = format!(
                r#"{{"title":"t","source":"s","sourceContent":[{{"text":"a"}},{{"text":"b"}}],"location":{location}}}"#
            );
            let said = to_anthropic(serde_json::from_str(&citation).unwrap());
            assert_eq!(said.as_ref().map_or("", Json::text), expected, "{location}");
        };
        check(
            r#"{"documentChar":{"documentIndex":0,"start":1,"end":2}}"#,
            r#"{"type":"char_location","cited_text":"ab","document_index":0,"document_title":"t","start_char_index":1,"end_char_index":2}"#,
        );
        check(
            r#"{"documentPage":{"documentIndex":1,"start":3,"end":4}}"#,
            r#"{"type":"page_location","cited_text":"ab","document_index":1,"document_title":"t","start_page_number":3,"end_page_number":4}"#,
        );
        check(
            r#"{"documentChunk":{"documentIndex":1,"start":3,"end":4}}"#,
            r#"{"type":"content_block_location","cited_text":"ab","document_index":1,"document_title":"t","start_block_index":3,"end_block_index":4}"#,
        );
        check(
            r#"{"web":{"url":"https://x","domain":"x"}}"#,
            r#"{"type":"web_search_result_location","cited_text":"ab","title":"t","url":"https://x"}"#,
        );
        check(
            r#"{"searchResultLocation":{"searchResultIndex":2,"start":0,"end":1}}"#,
            r#"{"type":"search_result_location","cited_text":"ab","start_block_index":0,"end_block_index":1,"search_result_index":2,"source":"s","title":"t"}"#,
        );
        check("{}", "");
    }
}

//! Smithy's published protocol cases, as botocore's source distribution carries them, against our wire.
//!
//! `cargo xtask protocol-cases` fetches them into `target/protocol-cases`. A request case is decoded and compared with
//! its parameters; a response case is encoded and compared with its body, as a document rather than byte by byte.

mod published;

use std::path::PathBuf;

use published::{Known, run_file};

/// Cases that say nothing of a server, or that AWS's services don't follow; each with its reason. May only shrink.
const KNOWN: &[Known] = &[
    Known {
        file: "input/json.json",
        reason: NO_BODY,
        ids: &[
            "sends_requests_to_slash",
            "includes_x_amz_target_and_content_type",
            "SDKAppliedContentEncoding_awsJson1_1",
            "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_1",
        ],
    },
    Known {
        file: "input/json_1_0.json",
        reason: "the case leaves X-Amz-Target out, without which no operation is named",
        ids: &["AwsJson10EndpointTrait", "AwsJson10EndpointTraitWithHostLabel", "AwsJson10HostWithPath"],
    },
    Known {
        file: "input/json_1_0.json",
        reason: NO_BODY,
        ids: &[
            "SDKAppliedContentEncoding_awsJson1_0",
            "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsJson1_0",
        ],
    },
    Known {
        file: "input/query.json",
        reason: NO_BODY,
        ids: &["SDKAppliedContentEncoding_awsQuery", "SDKAppendsGzipAndIgnoresHttpProvidedEncoding_awsQuery"],
    },
    Known { file: "input/query.json", reason: FILLED_IN, ids: &["QueryProtocolIdempotencyTokenAutoFill"] },
    Known { file: "input/query.json", reason: NOT_SENT, ids: &["QueryEmptyQueryMaps"] },
    Known {
        file: "input/rest-json.json",
        reason: "a path before the API's is the endpoint's; nothing here is served under one",
        ids: &["RestJsonHostWithPath"],
    },
    Known {
        file: "input/rest-json.json",
        reason: NOT_SENT,
        ids: &["RestJsonHttpPrefixHeadersAreNotPresent", "RestJsonOmitsEmptyListQueryValues"],
    },
    Known { file: "input/rest-json.json", reason: JSON_VALUE, ids: &["MediaTypeHeaderInputBase64"] },
    Known {
        file: "input/rest-json.json",
        reason: NO_BODY,
        ids: &["SDKAppliedContentEncoding_restJson1", "SDKAppendedGzipAfterProvidedEncoding_restJson1"],
    },
    Known {
        file: "input/rest-json.json",
        reason: FILLED_IN,
        ids: &[
            "RestJsonQueryIdempotencyTokenAutoFill",
            "RestJsonHttpWithEmptyStructurePayload",
            "RestJsonHttpWithHeadersButNoPayload",
        ],
    },
    Known {
        file: "input/rest-json.json",
        reason: QUERY_MAP,
        ids: &["RestJsonQueryParamsStringListMap", "RestJsonQueryPrecedence"],
    },
    Known { file: "input/rest-xml.json", reason: NOT_SENT, ids: &["HttpPrefixHeadersAreNotPresent"] },
    Known {
        file: "input/rest-xml.json",
        reason: NO_BODY,
        ids: &["SDKAppliedContentEncoding_restXml", "SDKAppendedGzipAfterProvidedEncoding_restXml"],
    },
    Known { file: "input/rest-xml.json", reason: FILLED_IN, ids: &["QueryIdempotencyTokenAutoFill"] },
    Known {
        file: "input/rest-xml.json",
        reason: QUERY_MAP,
        ids: &[
            "AllQueryStringTypes",
            "RestXmlQueryStringEscaping",
            "RestXmlSupportsNaNFloatQueryValues",
            "RestXmlSupportsInfinityFloatQueryValues",
            "RestXmlSupportsNegativeInfinityFloatQueryValues",
            "RestXmlZeroAndFalseQueryValues",
            "RestXmlQueryParamsStringListMap",
            "RestXmlQueryPrecedence",
        ],
    },
    Known {
        file: "output/json.json",
        reason: OFFSET,
        ids: &["AwsJson11DateTimeWithNegativeOffset", "AwsJson11DateTimeWithPositiveOffset"],
    },
    Known {
        file: "output/json.json",
        reason: OTHER_ERROR_FORM,
        ids: &[
            "AwsJson11FooErrorUsingXAmznErrorType",
            "AwsJson11FooErrorUsingXAmznErrorTypeWithUri",
            "AwsJson11FooErrorUsingXAmznErrorTypeWithUriAndNamespace",
            "AwsJson11FooErrorUsingCode",
            "AwsJson11FooErrorUsingCodeAndNamespace",
            "AwsJson11FooErrorUsingCodeUriAndNamespace",
            "AwsJson11FooErrorWithDunderTypeUriAndNamespace",
        ],
    },
    Known {
        file: "output/json.json",
        reason: MORE_THAN_SAID,
        ids: &[
            "handles_unexpected_json_output",
            "AwsJson11DeserializeIgnoreType",
            "AwsJson11StructuresDontDeserializeNullValues",
        ],
    },
    Known {
        file: "output/json.json",
        reason: NO_PAYLOAD,
        ids: &["json_1_1_service_responds_with_no_payload"],
    },
    Known {
        file: "output/json.json",
        reason: "the case has a header of the request among the answer's",
        ids: &["AwsJson11IntEnums"],
    },
    Known {
        file: "output/json_1_0.json",
        reason: OTHER_ERROR_FORM,
        ids: &[
            "AwsJson10FooErrorUsingXAmznErrorType",
            "AwsJson10FooErrorUsingXAmznErrorTypeWithUri",
            "AwsJson10FooErrorUsingXAmznErrorTypeWithUriAndNamespace",
            "AwsJson10FooErrorUsingCode",
            "AwsJson10FooErrorUsingCodeAndNamespace",
            "AwsJson10FooErrorUsingCodeUriAndNamespace",
            "AwsJson10FooErrorWithDunderTypeUriAndNamespace",
        ],
    },
    Known {
        file: "output/json_1_0.json",
        reason: MORE_THAN_SAID,
        ids: &[
            "AwsJson10DeserializeIgnoreType",
            "AwsJson10DeserializeAllowNulls",
            "AwsJson10HandlesUnexpectedJsonOutput",
        ],
    },
    Known {
        file: "output/json_1_0.json",
        reason: NO_PAYLOAD,
        ids: &["AwsJson10ServiceRespondsWithNoPayload"],
    },
    Known {
        file: "output/json_1_0-query-compatible.json",
        reason: QUERY_STATUS,
        ids: &["QueryCompatibleAwsJson10CustomCodeError"],
    },
    Known {
        file: "output/query.json",
        reason: OFFSET,
        ids: &["AwsQueryDateTimeWithNegativeOffset", "AwsQueryDateTimeWithPositiveOffset"],
    },
    Known {
        file: "output/rest-json.json",
        reason: OFFSET,
        ids: &["RestJsonDateTimeWithNegativeOffset", "RestJsonDateTimeWithPositiveOffset"],
    },
    Known {
        file: "output/rest-json.json",
        reason: NO_PAYLOAD,
        ids: &[
            "RestJsonEmptyInputAndEmptyOutputJsonObjectOutput",
            "RestJsonGreetingWithErrorsNoPayload",
            "RestJsonHttpResponseCodeWithNoPayload",
            "RestJsonIgnoreQueryParamsInResponseNoPayload",
            "RestJsonNoInputAndOutputNoPayload",
        ],
    },
    Known {
        file: "output/rest-json.json",
        reason: OTHER_ERROR_FORM,
        ids: &[
            "RestJsonFooErrorUsingXAmznErrorTypeWithUri",
            "RestJsonFooErrorUsingXAmznErrorTypeWithUriAndNamespace",
            "RestJsonFooErrorUsingCode",
            "RestJsonFooErrorUsingCodeAndNamespace",
            "RestJsonFooErrorUsingCodeUriAndNamespace",
            "RestJsonFooErrorWithDunderType",
            "RestJsonFooErrorWithDunderTypeAndNamespace",
            "RestJsonFooErrorWithDunderTypeUriAndNamespace",
        ],
    },
    Known {
        file: "output/rest-json.json",
        reason: MORE_THAN_SAID,
        ids: &[
            "RestJsonDeserializesDenseSetMapAndSkipsNull",
            "RestJsonDeserializeIgnoreType",
            "RestJsonDoesntDeserializeNullStructureValues",
        ],
    },
    Known { file: "output/rest-json.json", reason: JSON_VALUE, ids: &["MediaTypeHeaderOutputBase64"] },
    Known {
        file: "output/rest-xml.json",
        reason: OFFSET,
        ids: &["RestXmlDateTimeWithNegativeOffset", "RestXmlDateTimeWithPositiveOffset"],
    },
    Known {
        file: "output/rest-xml.json",
        reason: "S3, the one service of this protocol here, has no element around its errors",
        ids: &["InvalidGreetingError", "ComplexError"],
    },
    Known {
        file: "output/rest-xml.json",
        reason: "there is no body that the content type could be of",
        ids: &["RestXmlHttpResponseCode"],
    },
    Known {
        file: "output/smithy-rpc-v2-cbor.json",
        reason: NO_PAYLOAD,
        ids: &["empty_output_no_body", "NoOutputClientAllowsEmptyCbor", "NoOutputClientAllowsEmptyBody"],
    },
    Known {
        file: "output/smithy-rpc-v2-cbor.json",
        reason: MORE_THAN_SAID,
        ids: &[
            "RpcV2CborDeserializesDenseSetMapAndSkipsNull",
            "RpcV2CborClientDoesntDeserializeNullStructureValues",
            "RpcV2CborExtraFieldsInTheBodyShouldBeSkippedByClients",
            "RpcV2CborPayloadWithUnsetUnion",
        ],
    },
    Known {
        file: "output/smithy-rpc-v2-cbor-query-compatible.json",
        reason: QUERY_STATUS,
        ids: &["QueryCompatibleRpcV2CborCustomCodeError"],
    },
];

const NO_BODY: &str = "the case tells no body, only a header that the client sets";
const FILLED_IN: &str = "the client sends what its caller left out";
const NOT_SENT: &str = "an empty collection is not sent, so none arrives";
const JSON_VALUE: &str = "no served API has a header of JSON in base64, and the schema does not know it";
const QUERY_MAP: &str = "a client's map holds what it adds; a server's holds all parameters, as Smithy's cases for servers demand";
const OFFSET: &str = "clients read any offset; AWS and we write UTC";
const OTHER_ERROR_FORM: &str = "clients read an error's code in forms that we don't write";
const MORE_THAN_SAID: &str =
    "clients skip what the output does not say: nulls, unknown members, types of unions";
const NO_PAYLOAD: &str = "clients take an empty output with or without a body; another case has ours";
const QUERY_STATUS: &str = "the shape tells the status of the query protocol alone";

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/protocol-cases");
    assert!(folder.is_dir(), "the published cases are not here: run `cargo xtask protocol-cases`");
    folder
}

macro_rules! published {
    ($($test:ident: $file:literal,)*) => {
        const FILES: &[&str] = &[$($file),*];

        $(
            #[test]
            fn $test() {
                run_file(&folder(), $file, KNOWN);
            }
        )*
    };
}

published! {
    json_requests: "input/json.json",
    json_1_0_requests: "input/json_1_0.json",
    json_1_0_query_compatible_requests: "input/json_1_0-query-compatible.json",
    query_requests: "input/query.json",
    rest_json_requests: "input/rest-json.json",
    rest_xml_requests: "input/rest-xml.json",
    cbor_requests: "input/smithy-rpc-v2-cbor.json",
    cbor_query_compatible_requests: "input/smithy-rpc-v2-cbor-query-compatible.json",
    cbor_non_query_compatible_requests: "input/smithy-rpc-v2-cbor-non-query-compatible.json",
    json_responses: "output/json.json",
    json_1_0_responses: "output/json_1_0.json",
    json_1_0_query_compatible_responses: "output/json_1_0-query-compatible.json",
    query_responses: "output/query.json",
    rest_json_responses: "output/rest-json.json",
    rest_xml_responses: "output/rest-xml.json",
    cbor_responses: "output/smithy-rpc-v2-cbor.json",
    cbor_query_compatible_responses: "output/smithy-rpc-v2-cbor-query-compatible.json",
}

/// EC2's protocol has no service here, and of one file botocore's folder has only the name.
const LEFT_OUT: &[&str] =
    &["input/ec2.json", "output/ec2.json", "output/smithy-rpc-v2-cbor-non-query-compatible.json"];

#[test]
fn every_published_file_is_run() {
    for direction in ["input", "output"] {
        for file in std::fs::read_dir(folder().join(direction)).expect("the cases are here") {
            let file = format!("{direction}/{}", file.expect("an entry").file_name().to_string_lossy());
            assert!(FILES.contains(&&*file) || LEFT_OUT.contains(&&*file), "nothing runs {file}");
        }
    }
    for known in KNOWN {
        assert!(FILES.contains(&known.file), "{} is no file", known.file);
    }
}

#!/usr/bin/env bash
# Deploys the Tasks API with the AWS CLI: a table, the function, a REST API before it. Prints the API's URL.
#
#   eval "$(lambent env)"            # points AWS clients at a running platform
#   lambent runtimes install boto3   # once: the function's AWS SDK
#   examples/tasks/deploy.sh
set -euo pipefail
export AWS_PAGER=""
here=$(cd "$(dirname "$0")" && pwd)
name=${1:-tasks}
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}
account=$(aws sts get-caller-identity --query Account --output text)
package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT

aws dynamodb create-table --table-name "$name" --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=id,AttributeType=S --key-schema AttributeName=id,KeyType=HASH >/dev/null
aws dynamodb wait table-exists --table-name "$name"

python3 -m zipfile -c "$package/tasks.zip" "$here/lambda_function.py"
aws lambda create-function --function-name "$name" --runtime python3.13 --handler lambda_function.lambda_handler \
    --role "arn:aws:iam::$account:role/tasks" --zip-file "fileb://$package/tasks.zip" \
    --environment "Variables={TABLE=$name}" >/dev/null
aws lambda wait function-active-v2 --function-name "$name"

read -r api root < <(aws apigateway create-rest-api --name "$name" --query '[id,rootResourceId]' --output text)
# A resource that the function answers whatever the method.
resource() {
    local id
    id=$(aws apigateway create-resource --rest-api-id "$api" --parent-id "$1" --path-part "$2" \
        --query id --output text)
    aws apigateway put-method --rest-api-id "$api" --resource-id "$id" --http-method ANY \
        --authorization-type NONE >/dev/null
    aws apigateway put-integration --rest-api-id "$api" --resource-id "$id" --http-method ANY --type AWS_PROXY \
        --integration-http-method POST \
        --uri "arn:aws:apigateway:$region:lambda:path/2015-03-31/functions/arn:aws:lambda:$region:$account:function:$name/invocations" \
        >/dev/null
    echo "$id"
}
tasks=$(resource "$root" tasks)
resource "$tasks" '{id}' >/dev/null
aws lambda add-permission --function-name "$name" --statement-id api --action lambda:InvokeFunction \
    --principal apigateway.amazonaws.com --source-arn "arn:aws:execute-api:$region:$account:$api/*" >/dev/null
aws apigateway create-deployment --rest-api-id "$api" --stage-name dev >/dev/null

endpoint=${AWS_ENDPOINT_URL:-http://localhost:4566}
# `curl` knows where names below localhost lead; for others there is the path $endpoint/_aws/execute-api/$api/dev/tasks.
echo "http://$api.execute-api.localhost:${endpoint##*:}/dev/tasks"

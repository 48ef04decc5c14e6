#!/usr/bin/env bash
# Deploys the daily report with the AWS CLI: a table with an index, the function with its SDK, and a rule that runs it at
# six in the morning, UTC. Mails are read with `lambent mail`.
#
#   eval "$(lambent env)"            # points AWS clients at a running platform
#   examples/report/deploy.sh
set -euo pipefail
export AWS_PAGER=""
here=$(cd "$(dirname "$0")" && pwd)
name=${1:-report}
schedule=${2:-cron(0 6 * * ? *)}
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}
account=$(aws sts get-caller-identity --query Account --output text)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

aws dynamodb create-table --table-name "$name" --billing-mode PAY_PER_REQUEST \
    --attribute-definitions AttributeName=id,AttributeType=S AttributeName=day,AttributeType=S \
    --key-schema AttributeName=id,KeyType=HASH \
    --global-secondary-indexes \
    'IndexName=by-day,KeySchema=[{AttributeName=day,KeyType=HASH},{AttributeName=id,KeyType=RANGE}],Projection={ProjectionType=ALL}' \
    >/dev/null
aws dynamodb wait table-exists --table-name "$name"
for address in reports@example.com office@example.com; do
    aws ses verify-email-identity --email-address "$address"
done

cp "$here/index.js" "$here/package.json" "$work"
(cd "$work" && npm install --silent --no-audit --no-fund --no-package-lock)
(cd "$work" && python3 -m zipfile -c package.zip index.js package.json node_modules)
arn=$(aws lambda create-function --function-name "$name" --runtime nodejs22.x --handler index.handler --timeout 60 \
    --memory-size 512 --role "arn:aws:iam::$account:role/report" --zip-file "fileb://$work/package.zip" \
    --environment "Variables={TABLE=$name,FROM=reports@example.com,TO=office@example.com}" \
    --query FunctionArn --output text)
aws lambda wait function-active-v2 --function-name "$name"

rule=$(aws events put-rule --name "$name" --schedule-expression "$schedule" --query RuleArn --output text)
aws lambda add-permission --function-name "$name" --statement-id schedule --action lambda:InvokeFunction \
    --principal events.amazonaws.com --source-arn "$rule" >/dev/null
aws events put-targets --rule "$name" --targets "Id=report,Arn=$arn" >/dev/null
echo "$name runs at $schedule in $region; to see it now: aws lambda invoke --function-name $name out.json"

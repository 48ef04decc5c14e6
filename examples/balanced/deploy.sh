#!/usr/bin/env bash
# Deploys with the AWS CLI: a load balancer that sends nine requests of ten to one function and the tenth to another, and
# answers /health itself. Prints its URL.
#
#   eval "$(lambent env)"              # points AWS clients at a running platform
#   examples/balanced/deploy.sh 8080   # the listener's port
set -euo pipefail
export AWS_PAGER=""
here=$(cd "$(dirname "$0")" && pwd)
port=${1:-8080}
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-us-east-1}}
account=$(aws sts get-caller-identity --query Account --output text)
package=$(mktemp -d)
trap 'rm -rf "$package"' EXIT
python3 -m zipfile -c "$package/app.zip" "$here/app.py"

# A function of this color, and a target group that may invoke it; prints the group's ARN.
target() {
    local group name="balanced-$1"
    aws lambda create-function --function-name "$name" --runtime python3.13 --handler app.handler \
        --role "arn:aws:iam::$account:role/balanced" --zip-file "fileb://$package/app.zip" \
        --environment "Variables={COLOR=$1}" >/dev/null
    group=$(aws elbv2 create-target-group --name "$name" --target-type lambda \
        --query 'TargetGroups[0].TargetGroupArn' --output text)
    aws lambda add-permission --function-name "$name" --statement-id elb --action lambda:InvokeFunction \
        --principal elasticloadbalancing.amazonaws.com --source-arn "$group" >/dev/null
    aws lambda wait function-active-v2 --function-name "$name"
    aws elbv2 register-targets --target-group-arn "$group" \
        --targets "Id=arn:aws:lambda:$region:$account:function:$name" >/dev/null
    echo "$group"
}
blue=$(target blue)
green=$(target green)
# There is no network whose subnets these could be: they are kept and shown.
read -r balancer host < <(aws elbv2 create-load-balancer --name balanced --subnets subnet-a subnet-b \
    --query 'LoadBalancers[0].[LoadBalancerArn,DNSName]' --output text)
groups="[{TargetGroupArn=$blue,Weight=9},{TargetGroupArn=$green,Weight=1}]"
listener=$(aws elbv2 create-listener --load-balancer-arn "$balancer" --protocol HTTP --port "$port" \
    --default-actions "Type=forward,ForwardConfig={TargetGroups=$groups}" \
    --query 'Listeners[0].ListenerArn' --output text)
aws elbv2 create-rule --listener-arn "$listener" --priority 1 \
    --conditions Field=path-pattern,Values=/health \
    --actions 'Type=fixed-response,FixedResponseConfig={StatusCode=200,MessageBody=ok}' >/dev/null
echo "http://$host:$port/"

// The table's function in Go, on AWS's library.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

var calls int

func handle(ctx context.Context, event map[string]any) (any, error) {
	calls++
	switch event["do"] {
	case "fail":
		return nil, errors.New("as it was told")
	case "panic":
		panic("as it was told")
	case "hang":
		time.Sleep(time.Minute)
	case "exit":
		os.Exit(7)
	case "big":
		return strings.Repeat("x", int(event["size"].(float64))), nil
	case "hoard":
		hoard := [][]byte{}
		for n := 0; n < 1<<12; n++ {
			hoard = append(hoard, []byte(strings.Repeat("x", 1<<20)))
		}
		return len(hoard), nil
	case "log":
		fmt.Println("on the standard output")
		fmt.Fprintln(os.Stderr, "on the standard error")
	}
	invocation, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	var client any
	if invocation.ClientContext.Custom != nil {
		client = invocation.ClientContext.Custom
	}
	return map[string]any{
		"event": event, "calls": calls,
		"request_id": invocation.AwsRequestID, "function": lambdacontext.FunctionName,
		"version": lambdacontext.FunctionVersion, "arn": invocation.InvokedFunctionArn,
		"memory": lambdacontext.MemoryLimitInMB, "log_group": lambdacontext.LogGroupName,
		"log_stream": lambdacontext.LogStreamName, "remaining_ms": time.Until(deadline).Milliseconds(),
		"client": client, "runtime": nil,
	}, nil
}

func main() {
	lambda.Start(handle)
}

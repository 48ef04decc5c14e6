// Greets whoever the event names.
package main

import (
	"context"
	"log"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type greeting struct {
	Message     string `json:"message"`
	RemainingMs int64  `json:"remaining_ms"`
}

func handle(ctx context.Context, event struct{ Name string }) (greeting, error) {
	if event.Name == "" {
		event.Name = "World"
	}
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		log.Printf("greeting %s in request %s", event.Name, invocation.AwsRequestID)
	}
	deadline, _ := ctx.Deadline()
	return greeting{"Hello, " + event.Name + "!", time.Until(deadline).Milliseconds()}, nil
}

func main() {
	lambda.Start(handle)
}

// Deletes numbers through a gateway with the AWS SDK for Go v2, and prints one JSON object for each.
//
// usage: client ENDPOINT NUMBER...
package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/chime"
	"github.com/aws/aws-sdk-go-v2/service/chime/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

type outcome struct {
	Status   int    `json:"status"`
	Code     string `json:"code"`
	Message  string `json:"message"`
	Modelled string `json:"modelled"`
	Reason   string `json:"reason"`
	Attempts int    `json:"attempts"`
}

// The exceptions of the service's model, as a program that uses the SDK tells them apart.
func modelled(err error) string {
	var badRequest *types.BadRequestException
	var unauthorized *types.UnauthorizedClientException
	var forbidden *types.ForbiddenException
	var notFound *types.NotFoundException
	var throttled *types.ThrottledClientException
	var unavailable *types.ServiceUnavailableException
	switch {
	case errors.As(err, &badRequest):
		return "BadRequestException"
	case errors.As(err, &unauthorized):
		return "UnauthorizedClientException"
	case errors.As(err, &forbidden):
		return "ForbiddenException"
	case errors.As(err, &notFound):
		return "NotFoundException"
	case errors.As(err, &throttled):
		return "ThrottledClientException"
	case errors.As(err, &unavailable):
		return "ServiceUnavailableException"
	}
	return ""
}

func main() {
	client := chime.NewFromConfig(
		aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("unused", "unused", "")},
		chime.WithEndpointResolver(chime.EndpointResolverFromURL(os.Args[1])))
	printer := json.NewEncoder(os.Stdout)
	for _, number := range os.Args[2:] {
		found := outcome{Status: 204}
		answer, err := client.DeletePhoneNumber(context.Background(), &chime.DeletePhoneNumberInput{PhoneNumberId: aws.String(number)})
		if err == nil {
			if attempts, ok := retry.GetAttemptResults(answer.ResultMetadata); ok {
				found.Attempts = len(attempts.Results)
			}
		} else {
			found.Status = 0
			found.Modelled = modelled(err)
			var response *smithyhttp.ResponseError
			if errors.As(err, &response) {
				found.Status = response.HTTPStatusCode()
				found.Reason = response.Response.Header.Get("countersign-reason")
			}
			var api smithy.APIError
			if errors.As(err, &api) {
				found.Code, found.Message = api.ErrorCode(), api.ErrorMessage()
			}
			var exhausted *retry.MaxAttemptsError
			found.Attempts = 1
			if errors.As(err, &exhausted) {
				found.Attempts = exhausted.Attempt
			}
		}
		if err := printer.Encode(found); err != nil {
			os.Exit(1)
		}
	}
}

package trigger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/trigger"
	"github.com/weirstream/weir/eventsource"
)

// read returns what flags say.
func read(args ...string) (eventsource.Settings, error) {
	var s trigger.Settings
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.Add(flags)
	if err := flags.Parse(args); err != nil {
		return eventsource.Settings{}, err
	}
	return s.Read()
}

func file(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "mapping.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestSettings_defaults(t *testing.T) {
	s, err := read()
	require.NoError(t, err)
	assert.Equal(t, eventsource.Settings{StartingPosition: eventsource.TrimHorizon}, s)
}

// all are flags for all settings.
var all = []string{
	"--event-source-arn", "arn:aws:kinesis:eu-west-1:123456789012:stream/orders", "--function-name", "billing",
	"--starting-position", "AT_TIMESTAMP", "--starting-position-timestamp", "2026-03-02T09:00:00Z",
	"--batch-size", "10000", "--maximum-batching-window-in-seconds", "300", "--parallelization-factor", "1", "--tumbling-window-in-seconds", "900",
	"--maximum-retry-attempts", "0", "--maximum-record-age-in-seconds", "60", "--bisect-batch-on-function-error",
	"--function-response-types", "ReportBatchItemFailures", "--filter", `{"data":{"n":[1]}}`, "--filter", `{"data":{"n":[2]}}`,
	"--destination-config", `{"OnFailure":{"Destination":"arn:aws:sqs:eu-west-1:123456789012:failed"}}`,
	"--metrics-config", `{"Metrics":["EventCount"]}`, "--kms-key-arn", "arn:aws:kms:eu-west-1:123456789012:key/1", "--enabled=false",
}

func allSettings() eventsource.Settings {
	retries, enabled := 0, false
	return eventsource.Settings{
		EventSourceArn: "arn:aws:kinesis:eu-west-1:123456789012:stream/orders", FunctionName: "billing",
		StartingPosition: eventsource.AtTimestamp, StartingPositionTimestamp: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		BatchSize: 10000, MaximumBatchingWindowInSeconds: 300, ParallelizationFactor: 1, TumblingWindowInSeconds: 900,
		MaximumRetryAttempts: &retries, MaximumRecordAgeInSeconds: 60, BisectBatchOnFunctionError: true,
		FunctionResponseTypes: []string{"ReportBatchItemFailures"},
		DestinationConfig:     eventsource.DestinationConfig{OnFailure: eventsource.OnFailure{Destination: "arn:aws:sqs:eu-west-1:123456789012:failed"}},
		FilterCriteria:        eventsource.FilterCriteria{Filters: []eventsource.Filter{{Pattern: `{"data":{"n":[1]}}`}, {Pattern: `{"data":{"n":[2]}}`}}},
		KMSKeyArn:             "arn:aws:kms:eu-west-1:123456789012:key/1", MetricsConfig: eventsource.MetricsConfig{Metrics: []string{"EventCount"}}, Enabled: &enabled,
	}
}

func TestSettings_ofFlags(t *testing.T) {
	s, err := read(all...)
	require.NoError(t, err)
	assert.Equal(t, allSettings(), s)
	for text, want := range map[string]time.Time{"1772442000": time.Unix(1772442000, 0).UTC(), "1772442000.5": time.UnixMilli(1772442000500).UTC()} {
		s, err := read("--starting-position", "AT_TIMESTAMP", "--starting-position-timestamp", text)
		require.NoError(t, err)
		assert.Equal(t, want, s.StartingPositionTimestamp)
	}
}

// A flag goes before what the file says.
func TestSettings_ofAFile(t *testing.T) {
	name := file(t, `{"FunctionName":"billing","StartingPosition":"LATEST","BatchSize":7,"FilterCriteria":{"Filters":[{"Pattern":"{\"data\":{\"n\":[1]}}"}]}}`)
	s, err := read("--settings", name)
	require.NoError(t, err)
	same, err := trigger.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, s, same)
	assert.Equal(t, []any{"billing", "LATEST", 7, 1}, []any{s.FunctionName, s.StartingPosition, s.BatchSize, len(s.FilterCriteria.Filters)})
	s, err = read(append([]string{"--settings", name}, all...)...)
	require.NoError(t, err)
	assert.Equal(t, allSettings(), s)
}

// What is wrong is told at once, with the setting, its value and its bounds.
func TestSettings_refuse(t *testing.T) {
	_, err := read("--batch-size", "0", "--parallelization-factor", "11", "--maximum-record-age-in-seconds", "59", "--filter", `{"data":1}`, "--starting-position", "NOW")
	for _, want := range []string{
		"BatchSize: 0 is not 1 to 10000; ", "ParallelizationFactor: 11 is not 1 to 10", "MaximumRecordAgeInSeconds: 59 is not -1, or 60 to 604800",
		"FilterCriteria.Filters[0].Pattern: ", `StartingPosition: "NOW" is not TRIM_HORIZON, LATEST or AT_TIMESTAMP`,
	} {
		assert.ErrorContains(t, err, want)
	}
	for want, args := range map[string][]string{
		"must be a whole number":                {"--batch-size", "1.5"},
		"must be true or false":                 {"--bisect-batch-on-function-error=maybe"},
		"must be JSON":                          {"--filter-criteria", "{"},
		"--filter and --filter-criteria both":   {"--filter-criteria", "{}", "--filter", "{}"},
		"no such file":                          {"--settings", "/nothing/here"},
		"is no JSON object":                     {"--settings", file(t, "[]")},
		"is no JSON object: null":               {"--settings", file(t, "null")},
		"BatchSise: is not known":               {"--settings", file(t, `{"BatchSise":1}`)},
		"is larger than 1 MiB":                  {"--settings", file(t, strings.Repeat(" ", 1<<20)+"{}")},
		"StartingPositionTimestamp: is missing": {"--starting-position", "AT_TIMESTAMP"},
		"is no time in Unix seconds":            {"--starting-position", "AT_TIMESTAMP", "--starting-position-timestamp", "noon"},
		`FunctionResponseTypes: "all" is not ReportBatchItemFailures`:        {"--function-response-types", "all"},
		"there is one state a shard with TumblingWindowInSeconds":            {"--parallelization-factor", "2", "--tumbling-window-in-seconds", "60"},
		"FilterCriteria.Filters: has 11 entries; at most 10 are allowed":     {"--filter-criteria", `{"Filters":[{},{},{},{},{},{},{},{},{},{},{}]}`},
		"MaximumBatchingWindowInSeconds: 301 is not 0 to 300":                {"--maximum-batching-window-in-seconds", "301"},
		"MaximumRetryAttempts: 99999999999999999999 is no whole number":      {"--settings", file(t, `{"MaximumRetryAttempts":99999999999999999999}`)},
		"Queues: is not for streams":                                         {"--settings", file(t, `{"Queues":["q"]}`)},
		`EventSourceArn: "orders" is not the ARN of a stream or of a stream`: {"--event-source-arn", "orders"},
	} {
		_, err := read(args...)
		assert.ErrorContains(t, err, want)
	}
}

// What is a number to people need not be one to JSON.
func TestSettings_numbers(t *testing.T) {
	s, err := read("--batch-size", "010", "--parallelization-factor", "+2")
	require.NoError(t, err)
	assert.Equal(t, []int{10, 2}, []int{s.BatchSize, s.ParallelizationFactor})
}

func TestGroupName(t *testing.T) {
	for function, want := range map[string]string{
		"": "orders-function", "billing": "orders-billing", "billing:live": "orders-billing-live",
		"arn:aws:lambda:eu-west-1:123456789012:function:billing":   "orders-billing",
		"arn:aws:lambda:eu-west-1:123456789012:function:billing:7": "orders-billing-7",
	} {
		assert.Equal(t, want, trigger.GroupName("orders", eventsource.Settings{FunctionName: function}))
	}
}

func TestDestination(t *testing.T) {
	named := eventsource.Settings{DestinationConfig: eventsource.DestinationConfig{OnFailure: eventsource.OnFailure{Destination: "arn:aws:sqs:a:b:c"}}}
	for place, s := range map[string]eventsource.Settings{"": {}, "none": named} {
		to, err := trigger.Destination(place, "queue", s)
		require.NoError(t, err)
		assert.Nil(t, to)
	}
	for place, want := range map[string]string{"": "the destination arn:aws:sqs:a:b:c, which is the service's", "ftp://x/": "is no URL", "/nothing/here": "no such file"} {
		_, err := trigger.Destination(place, "queue", named)
		assert.ErrorContains(t, err, want)
	}
	name := filepath.Join(t.TempDir(), "failed.jsonl")
	for form, want := range map[string]string{"queue": `"batchSize":0`, "bucket": `"payload":"{}"`} {
		to, err := trigger.Destination(name, form, named)
		require.NoError(t, err)
		require.NoError(t, to.Deliver(t.Context(), &eventsource.Failure{Event: []byte("{}")}))
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Contains(t, string(text), want)
	}
}

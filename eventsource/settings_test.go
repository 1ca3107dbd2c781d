package eventsource_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/eventsource"
)

func number(n int) *int { return &n }

func yes(b bool) *bool { return &b }

// Each row is one setting at its bounds and one beyond them.
func TestSettings_hasTheBoundsOfTheService(t *testing.T) {
	type settings = eventsource.Settings
	set := func(name string, n int) (s settings) {
		s.StartingPosition = eventsource.TrimHorizon
		switch name {
		case "BatchSize":
			s.BatchSize = n
		case "MaximumBatchingWindowInSeconds":
			s.MaximumBatchingWindowInSeconds = n
		case "ParallelizationFactor":
			s.ParallelizationFactor = n
		case "TumblingWindowInSeconds":
			s.TumblingWindowInSeconds = n
		case "MaximumRetryAttempts":
			s.MaximumRetryAttempts = &n
		case "MaximumRecordAgeInSeconds":
			s.MaximumRecordAgeInSeconds = n
		}
		return s
	}
	for _, row := range []struct {
		name      string
		good, bad []int
		bounds    string
	}{
		{"BatchSize", []int{0, 1, 10_000}, []int{-1, 10_001}, "1 to 10000"},
		{"MaximumBatchingWindowInSeconds", []int{0, 300}, []int{-1, 301}, "0 to 300"},
		{"ParallelizationFactor", []int{0, 1, 10}, []int{-1, 11}, "1 to 10"},
		{"TumblingWindowInSeconds", []int{0, 900}, []int{-1, 901}, "0 to 900"},
		{"MaximumRetryAttempts", []int{-1, 0, 10_000}, []int{-2, 10_001}, "-1 to 10000"},
		{"MaximumRecordAgeInSeconds", []int{-1, 0, 60, 604_800}, []int{-2, 1, 59, 604_801}, "-1, or 60 to 604800"},
	} {
		for _, n := range row.good {
			assert.NoError(t, set(row.name, n).Validate(), "%s %d", row.name, n)
		}
		for _, n := range row.bad {
			err := set(row.name, n).Validate()
			assert.EqualError(t, err, fmt.Sprintf("%s: %d is not %s", row.name, n, row.bounds))
			assert.ErrorIs(t, err, weir.ErrInvalidArgument)
		}
	}
}

func TestSettings_tellsAllThatIsWrongAtOnce(t *testing.T) {
	future := time.Now().Add(time.Hour).UTC()
	s := eventsource.Settings{
		EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:queue/q", StartingPosition: eventsource.AtTimestamp, StartingPositionTimestamp: future,
		BatchSize: -1, MaximumBatchingWindowInSeconds: 301, ParallelizationFactor: 11, TumblingWindowInSeconds: 900,
		MaximumRetryAttempts: number(-2), MaximumRecordAgeInSeconds: 59, FunctionResponseTypes: []string{"All"},
		DestinationConfig: eventsource.DestinationConfig{OnFailure: eventsource.OnFailure{Destination: "ftp://x"}},
		FilterCriteria:    eventsource.FilterCriteria{Filters: []eventsource.Filter{{Pattern: `{"data":{"kind":["order"]}}`}, {Pattern: strings.Repeat("é", 4097)}}},
		MetricsConfig:     eventsource.MetricsConfig{Metrics: []string{"ErrorCount"}},
	}
	want := []string{
		`EventSourceArn: "arn:aws:kinesis:us-east-1:123456789012:queue/q" is not the ARN of a stream or of a stream's consumer`,
		`StartingPositionTimestamp: ` + future.Format(time.RFC3339Nano) + ` is in the future`,
		`BatchSize: -1 is not 1 to 10000`,
		`MaximumBatchingWindowInSeconds: 301 is not 0 to 300`,
		`ParallelizationFactor: 11 is not 1 to 10`,
		`ParallelizationFactor: 11 is above 1, but there is one state a shard with TumblingWindowInSeconds`,
		`MaximumRetryAttempts: -2 is not -1 to 10000`,
		`MaximumRecordAgeInSeconds: 59 is not -1, or 60 to 604800`,
		`FunctionResponseTypes: "All" is not ReportBatchItemFailures`,
		`DestinationConfig.OnFailure.Destination: "ftp://x" is not the ARN of a queue, a topic or a bucket`,
		`FilterCriteria.Filters[1].Pattern: has 4097 characters; at most 4096 are allowed`,
		`MetricsConfig.Metrics: "ErrorCount" is not EventCount`,
	}
	for _, line := range strings.Split(s.Validate().Error(), "\n") {
		assert.Contains(t, want, line)
	}
	assert.Len(t, strings.Split(s.Validate().Error(), "\n"), len(want))
}

func TestSettings_positions(t *testing.T) {
	past := time.Unix(1_700_000_000, 0)
	for _, row := range []struct {
		position string
		at       time.Time
		want     string
	}{
		{"TRIM_HORIZON", time.Time{}, ""},
		{"LATEST", time.Time{}, ""},
		{"AT_TIMESTAMP", past, ""},
		{"", time.Time{}, "StartingPosition: is missing; it is TRIM_HORIZON, LATEST or AT_TIMESTAMP"},
		{"latest", time.Time{}, `StartingPosition: "latest" is not TRIM_HORIZON, LATEST or AT_TIMESTAMP`},
		{"AT_TIMESTAMP", time.Time{}, "StartingPositionTimestamp: is missing; AT_TIMESTAMP needs it"},
		{"LATEST", past, "StartingPositionTimestamp: is set, but StartingPosition is not AT_TIMESTAMP"},
	} {
		err := eventsource.Settings{StartingPosition: row.position, StartingPositionTimestamp: row.at}.Validate()
		if row.want == "" {
			assert.NoError(t, err, row)
		} else {
			assert.EqualError(t, err, row.want, row)
		}
	}
}

const stream = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"

// all is every setting but the position, as it is read.
func all() eventsource.Settings {
	return eventsource.Settings{
		EventSourceArn: stream, FunctionName: "billing", StartingPosition: "AT_TIMESTAMP",
		StartingPositionTimestamp: time.UnixMilli(1_700_000_000_500).UTC(),
		BatchSize:                 500, MaximumBatchingWindowInSeconds: 5, ParallelizationFactor: 10, TumblingWindowInSeconds: 0,
		MaximumRetryAttempts: number(0), MaximumRecordAgeInSeconds: 3600, BisectBatchOnFunctionError: true,
		FunctionResponseTypes: []string{"ReportBatchItemFailures"},
		DestinationConfig:     eventsource.DestinationConfig{OnFailure: eventsource.OnFailure{Destination: "arn:aws:s3:::failed"}},
		FilterCriteria:        eventsource.FilterCriteria{Filters: []eventsource.Filter{{Pattern: `{"data":{"kind":["order"]}}`}}},
		KMSKeyArn:             "arn:aws:kms:us-east-1:123456789012:key/1", MetricsConfig: eventsource.MetricsConfig{Metrics: []string{"EventCount"}},
		Enabled: yes(false),
	}
}

func TestParseSettings_readsTheInputOfCreateEventSourceMapping(t *testing.T) {
	s, err := eventsource.ParseSettings([]byte(`{
		"EventSourceArn": "` + stream + `", "FunctionName": "billing", "Enabled": false, "BatchSize": 500,
		"FilterCriteria": {"Filters": [{"Pattern": "{\"data\":{\"kind\":[\"order\"]}}"}]},
		"KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1", "MetricsConfig": {"Metrics": ["EventCount"]},
		"MaximumBatchingWindowInSeconds": 5, "ParallelizationFactor": 10, "TumblingWindowInSeconds": 0,
		"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1700000000.5,
		"DestinationConfig": {"OnSuccess": {}, "OnFailure": {"Destination": "arn:aws:s3:::failed"}},
		"MaximumRecordAgeInSeconds": 3600, "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 0,
		"FunctionResponseTypes": ["ReportBatchItemFailures"], "Tags": {"team": "a"}, "Topics": [], "Queues": null
	}`))
	require.NoError(t, err)
	assert.Equal(t, all(), s)

	s, err = eventsource.ParseSettings([]byte(`{"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": "2023-11-14T22:13:20.5Z"}`))
	require.NoError(t, err)
	assert.Equal(t, time.UnixMilli(1_700_000_000_500).UTC(), s.StartingPositionTimestamp)
}

func TestParseTemplate_readsResourcesAndProperties(t *testing.T) {
	properties := `{
		"EventSourceArn": "` + stream + `", "FunctionName": {"Fn::GetAtt": ["Billing", "Arn"]}, "Enabled": "false", "BatchSize": "500",
		"FilterCriteria": {"Filters": [{"Pattern": "{\"data\":{\"kind\":[\"order\"]}}"}]},
		"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1", "MetricsConfig": {"Metrics": ["EventCount"]},
		"MaximumBatchingWindowInSeconds": 5, "ParallelizationFactor": 10, "TumblingWindowInSeconds": {"Ref": "AWS::NoValue"},
		"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1700000000.5,
		"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failed"}},
		"MaximumRecordAgeInSeconds": 3600, "BisectBatchOnFunctionError": "true", "MaximumRetryAttempts": 0,
		"FunctionResponseTypes": ["ReportBatchItemFailures"], "Tags": [{"Key": "team", "Value": "a"}]
	}`
	want := all()
	want.FunctionName = ""
	s, err := eventsource.ParseTemplate([]byte(properties))
	require.NoError(t, err)
	assert.Equal(t, want, s)
	s, err = eventsource.ParseTemplate([]byte(`{"Type": "AWS::Lambda::EventSourceMapping", "DependsOn": "x", "Properties": ` + properties + `}`))
	require.NoError(t, err)
	assert.Equal(t, want, s)
	_, err = eventsource.ParseTemplate([]byte(`{"Type": "AWS::Lambda::Function", "Properties": {}}`))
	assert.EqualError(t, err, `Type: "AWS::Lambda::Function" is not AWS::Lambda::EventSourceMapping`)
}

func TestParse_tellsAllThatIsWrong(t *testing.T) {
	const position = `"StartingPosition": "LATEST"`
	for _, row := range []struct {
		text string
		want []string
	}{
		{`{` + position + `, "BatchSize": 0}`, []string{"BatchSize: 0 is not 1 to 10000"}},
		{`{` + position + `, "ParallelizationFactor": 0}`, []string{"ParallelizationFactor: 0 is not 1 to 10"}},
		{`{` + position + `, "MaximumRecordAgeInSeconds": 0}`, []string{"MaximumRecordAgeInSeconds: 0 is not -1, or 60 to 604800"}},
		{`{` + position + `, "BatchSize": 1.5, "MaximumRetryAttempts": "3", "Enabled": 1}`, []string{
			"BatchSize: 1.5 is no whole number", `Enabled: 1 is not true or false`, `MaximumRetryAttempts: "3" is no whole number`,
		}},
		{`{` + position + `, "FunctionName": {"Ref": "f"}, "FunctionResponseTypes": "x", "Batchsize": 3}`, []string{
			"Batchsize: is not known", `FunctionName: {"Ref": "f"} is no string`, `FunctionResponseTypes: "x" is no list of strings`,
		}},
		{`{` + position + `, "Topics": ["t"], "ProvisionedPollerConfig": {"MinimumPollers": 1}}`, []string{
			"ProvisionedPollerConfig: is not for streams", "Topics: is not for streams",
		}},
		{`{` + position + `, "DestinationConfig": {"OnSuccess": {"Destination": "x"}, "OnFailure": {"Arn": "x"}}}`, []string{
			"DestinationConfig.OnFailure.Arn: is not known", "DestinationConfig.OnSuccess: is not for event source mappings",
		}},
		{`{` + position + `, "FilterCriteria": {"Filters": [{"Pattern": 1}]}, "MetricsConfig": []}`, []string{
			"FilterCriteria.Filters[0].Pattern: 1 is no string", "MetricsConfig: [] is no object",
		}},
		{`{"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": "yesterday"}`, []string{
			`StartingPositionTimestamp: "yesterday" is no time in Unix seconds or as RFC 3339 has it`,
			"StartingPositionTimestamp: is missing; AT_TIMESTAMP needs it",
		}},
		{`[]`, []string{"settings: are no JSON object: json: cannot unmarshal array into Go value of type map[string]json.RawMessage"}},
		{`null`, []string{"settings: are no JSON object: null"}},
		{``, []string{"settings: are no JSON object: unexpected end of JSON input"}},
	} {
		s, err := eventsource.ParseSettings([]byte(row.text))
		assert.Zero(t, s)
		assert.EqualError(t, err, strings.Join(row.want, "\n"), row.text)
		assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add(`{"StartingPosition": "LATEST", "BatchSize": 5, "FilterCriteria": {"Filters": [{"Pattern": "{\"partitionKey\":[\"k\"]}"}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func([]byte) (eventsource.Settings, error){eventsource.ParseSettings, eventsource.ParseTemplate} {
			if s, err := parse([]byte(text)); err == nil {
				require.NoError(t, s.Validate())
			} else {
				require.ErrorIs(t, err, weir.ErrInvalidArgument)
			}
		}
	})
}

package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/weirstream/weir/cmd/weir/internal/usage"
	"github.com/weirstream/weir/eventsource"
)

// Settings are flags for all settings of an event source mapping, by the names
// that aws lambda create-event-source-mapping has for them, and for a file with
// its JSON. The zero value is ready to use.
type Settings struct {
	file    string
	given   map[string]json.RawMessage // by the name of the setting
	filters []string
}

// A kind is how a flag's text becomes JSON.
type kind int

const (
	text kind = iota
	number
	moment   // Unix seconds, or a text
	truth    // true or false; true if nothing is said
	words    // a list of texts
	document // JSON as it is
)

// settings are the flags. Bounds and defaults are those of package eventsource.
var settings = []struct {
	flag, field string
	kind        kind
	usage       string
}{
	{"function-name", "FunctionName", text, "`NAME` or ARN of the function, for failure documents and for the group (default function)"},
	{"event-source-arn", "EventSourceArn", text, "`ARN` that events give as their source, and that of a consumer to read as; else the stream's"},
	{"starting-position", "StartingPosition", text, "where shards begin that the group does not know: TRIM_HORIZON, LATEST or AT_TIMESTAMP (default TRIM_HORIZON)"},
	{"starting-position-timestamp", "StartingPositionTimestamp", moment, "the `TIME` of AT_TIMESTAMP: Unix seconds, or such as 2026-03-02T09:00:00Z"},
	{"batch-size", "BatchSize", number, "`N` records of a batch at most: 1 to 10000 (default 100)"},
	{"maximum-batching-window-in-seconds", "MaximumBatchingWindowInSeconds", number, "how long records are gathered, `N` seconds: 0 to 300 (default 0)"},
	{"parallelization-factor", "ParallelizationFactor", number, "`N` batches of a shard at a time, in lanes by partition key: 1 to 10 (default 1)"},
	{"tumbling-window-in-seconds", "TumblingWindowInSeconds", number, "how long a window is that has a state, `N` seconds: 0 for none, to 900 (default 0)"},
	{"maximum-retry-attempts", "MaximumRetryAttempts", number, "how often, `N`, a batch that failed is tried again: 0 to 10000, or -1 without end (default -1)"},
	{"maximum-record-age-in-seconds", "MaximumRecordAgeInSeconds", number, "`N` seconds behind which a record is given up: 60 to 604800, or -1 for never (default -1)"},
	{"bisect-batch-on-function-error", "BisectBatchOnFunctionError", truth, "halve a batch that failed"},
	{"function-response-types", "FunctionResponseTypes", words, "ReportBatchItemFailures: the function's answer names the records that failed"},
	{"filter-criteria", "FilterCriteria", document, "`JSON` of which records the function gets: {\"Filters\":[{\"Pattern\":\"…\"}]}"},
	{"destination-config", "DestinationConfig", document, "`JSON` of where the service sends failures; here --on-failure says it"},
	{"metrics-config", "MetricsConfig", document, "`JSON`, which means nothing here: all is counted"},
	{"kms-key-arn", "KMSKeyArn", text, "`ARN`, which means nothing here"},
	{"enabled", "Enabled", truth, "whether the mapping is at work (default true)"},
}

// Add adds the flags to those of a command.
func (s *Settings) Add(flags *pflag.FlagSet) {
	s.given = make(map[string]json.RawMessage)
	flags.StringVar(&s.file, "settings", "", "`FILE` with the JSON of create-event-source-mapping; flags go before what it says")
	flags.StringArrayVar(&s.filters, "filter", nil, "`PATTERN` of records that the function gets, those of any if there are several; up to 10")
	for _, f := range settings {
		flag := flags.VarPF(&setting{settings: s, field: f.field, kind: f.kind}, f.flag, "", f.usage)
		if f.kind == truth {
			flag.NoOptDefVal = "true"
		}
	}
}

// A setting is the value of a flag.
type setting struct {
	settings *Settings
	field    string
	kind     kind
	text     string
}

// Set sets the setting from text.
func (v *setting) Set(s string) error {
	raw, err := v.kind.json(s)
	if err != nil {
		return err
	}
	v.text = s
	v.settings.given[v.field] = raw
	return nil
}

// String returns what was set.
func (v *setting) String() string { return v.text }

// Type returns what help calls the value; nothing of one that needs none.
func (v *setting) Type() string {
	switch v.kind {
	case truth:
		return "bool"
	case words:
		return "WORD"
	}
	return "NAME"
}

// json returns the JSON of a flag's text.
func (k kind) json(s string) (json.RawMessage, error) {
	switch k {
	case number:
		n, err := strconv.Atoi(s)
		if err != nil {
			return nil, errors.New("must be a whole number")
		}
		return json.RawMessage(strconv.Itoa(n)), nil // 010 and +10 are no JSON
	case moment:
		if json.Valid([]byte(s)) && strings.Trim(s, "0123456789.") == "" {
			return json.RawMessage(s), nil
		}
	case truth:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return nil, errors.New("must be true or false")
		}
		return json.RawMessage(strconv.FormatBool(b)), nil
	case words:
		return json.Marshal(strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' }))
	case document:
		if !json.Valid([]byte(s)) {
			return nil, errors.New("must be JSON")
		}
		return json.RawMessage(s), nil
	}
	return json.Marshal(s)
}

// Read returns the settings of the flags and of the file. An error tells all
// that is wrong. Without a StartingPosition it is TRIM_HORIZON.
func (s *Settings) Read() (eventsource.Settings, error) {
	fields := make(map[string]json.RawMessage)
	if s.file != "" {
		var err error
		if fields, err = readFile(s.file); err != nil {
			return eventsource.Settings{}, fmt.Errorf("--settings: %w", err)
		}
	}
	maps.Copy(fields, s.given)
	if len(s.filters) > 0 {
		if s.given["FilterCriteria"] != nil {
			return eventsource.Settings{}, usage.Errorf("--filter and --filter-criteria both say which records the function gets")
		}
		fields["FilterCriteria"] = criteria(s.filters)
	}
	parsed, err := parse(fields)
	switch {
	case err != nil && s.file != "":
		return parsed, fmt.Errorf("--settings %s: %w", s.file, err)
	case err != nil:
		return parsed, usage.Error{Err: err}
	}
	return parsed, nil
}

// ReadFile returns the settings of a file; those by default if its name is
// empty.
func ReadFile(name string) (eventsource.Settings, error) {
	fields := make(map[string]json.RawMessage)
	var err error
	if name != "" {
		if fields, err = readFile(name); err != nil {
			return eventsource.Settings{}, err
		}
	}
	parsed, err := parse(fields)
	if err != nil {
		return parsed, fmt.Errorf("%s: %w", name, err)
	}
	return parsed, nil
}

// maxFile bounds a file of settings, whose largest part is ten patterns of 4,096
// characters.
const maxFile = 1 << 20

// readFile returns the fields of a file.
func readFile(name string) (fields map[string]json.RawMessage, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it is read only
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > maxFile:
		return nil, fmt.Errorf("%s: is larger than 1 MiB", name)
	}
	if err := json.Unmarshal(content, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("%s: is no JSON object: %w", name, orNull(err))
	}
	return fields, nil
}

func orNull(err error) error {
	if err == nil {
		return errors.New("null")
	}
	return err
}

// parse reads settings from their fields.
func parse(fields map[string]json.RawMessage) (eventsource.Settings, error) {
	if at := fields["StartingPosition"]; at == nil {
		fields["StartingPosition"], _ = json.Marshal(eventsource.TrimHorizon) // a text
	}
	content, err := json.Marshal(fields)
	if err != nil {
		return eventsource.Settings{}, err
	}
	parsed, err := eventsource.ParseSettings(content)
	return parsed, inOneLine(err)
}

// inOneLine puts what is wrong behind each other, where there are several.
func inOneLine(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// criteria returns the FilterCriteria of patterns.
func criteria(patterns []string) json.RawMessage {
	var c eventsource.FilterCriteria
	for _, p := range patterns {
		c.Filters = append(c.Filters, eventsource.Filter{Pattern: p})
	}
	raw, _ := json.Marshal(c) // texts
	return raw
}

package eventsource

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// Settings are those of an event source mapping of Lambda, by its names, with
// its bounds and its defaults. StartingPosition must be set. Those whose names
// end in InSeconds are whole seconds. Read them with [ParseSettings] or
// [ParseTemplate].
type Settings struct {
	// EventSourceArn is the ARN of a stream or of one of its consumers. Empty
	// means one that is made of the stream's name. It is what events say; what is
	// read, stands in [Config].
	EventSourceArn string
	// FunctionName is the function's name or ARN. It is what failure documents
	// say.
	FunctionName string

	// StartingPosition is where shards are begun that have no position yet:
	// [TrimHorizon], [Latest] or [AtTimestamp].
	StartingPosition string
	// StartingPositionTimestamp is the time of [AtTimestamp], and zero for all
	// others. It is not in the future.
	StartingPositionTimestamp time.Time

	// BatchSize is how many records a batch has at most: 1 to 10,000. Zero means
	// 100.
	BatchSize int
	// MaximumBatchingWindowInSeconds is how long records are gathered: 0, which
	// means not at all, to 300.
	MaximumBatchingWindowInSeconds int
	// ParallelizationFactor is how many batches of a shard are processed at a
	// time: 1 to 10. Zero means 1.
	ParallelizationFactor int
	// TumblingWindowInSeconds is how long a window is: 0, which means none, to
	// 900. There are no windows with a ParallelizationFactor above 1.
	TumblingWindowInSeconds int

	// MaximumRetryAttempts is how often a batch that failed is tried again: 0 to
	// 10,000, or -1 for without end. Nil means -1.
	MaximumRetryAttempts *int
	// MaximumRecordAgeInSeconds is how old a record may be: 60 to 604,800, or -1
	// for any age. Zero means -1.
	MaximumRecordAgeInSeconds int
	// BisectBatchOnFunctionError halves a batch that failed.
	BisectBatchOnFunctionError bool
	// FunctionResponseTypes is empty, or has [ReportBatchItemFailures].
	FunctionResponseTypes []string
	// DestinationConfig names where failure documents go.
	DestinationConfig DestinationConfig

	// FilterCriteria says which records the function is to get.
	FilterCriteria FilterCriteria
	// KMSKeyArn encrypts the filters where the service keeps them. It means
	// nothing here.
	KMSKeyArn string
	// MetricsConfig is empty, or has "EventCount". All is counted in any case.
	MetricsConfig MetricsConfig
	// Enabled says whether the mapping is at work. Nil means that it is.
	Enabled *bool
}

// DestinationConfig names where failure documents go.
type DestinationConfig struct{ OnFailure OnFailure }

// OnFailure names where failure documents go on the service: the ARN of a
// queue, a topic or a bucket, or kafka:// and a topic. Where they go here, and
// in which form, is [Config.OnFailure].
type OnFailure struct{ Destination string }

// FilterCriteria say which records the function is to get: those that match one
// of up to 10 filters, or all if there are none. The service takes more than 5
// on request only.
type FilterCriteria struct{ Filters []Filter }

// A Filter is a pattern of up to 4,096 characters.
type Filter struct{ Pattern string }

// MetricsConfig says what the service publishes.
type MetricsConfig struct{ Metrics []string }

// What the settings say in words.
const (
	TrimHorizon = "TRIM_HORIZON"
	Latest      = "LATEST"
	AtTimestamp = "AT_TIMESTAMP"

	ReportBatchItemFailures = "ReportBatchItemFailures"

	eventCount = "EventCount"
)

// The service's bounds and defaults.
const (
	defaultBatchSize, maxBatchSize = 100, 10_000
	maxBatchingWindow              = 300
	maxFactor                      = 10
	maxTumblingWindow              = 900
	maxRetries                     = 10_000
	minRecordAge, maxRecordAge     = 60, 604_800
	maxFilters, maxPattern         = 10, 4096
	maxDestination                 = 350
)

var (
	streamARN      = regexp.MustCompile(`^arn:aws[a-zA-Z-]*:kinesis:([a-z0-9-]+):(\d{12}):stream/([a-zA-Z0-9_.-]{1,128})(/consumer/[a-zA-Z0-9_.-]{1,128}:\d+)?$`)
	destinationARN = regexp.MustCompile(`^(arn:aws[a-zA-Z-]*:(sqs|sns|s3):[^:]*:[^:]*:.+|kafka://.+)$`)
)

// Validate returns nil, or an error that tells all that the service would
// refuse, each with its bounds. It matches [weir.ErrInvalidArgument].
func (s Settings) Validate() error {
	var errs problems
	s.check(&errs)
	return errors.Join(errs...)
}

func (s Settings) check(errs *problems) {
	if s.EventSourceArn != "" && !streamARN.MatchString(s.EventSourceArn) {
		errs.add("EventSourceArn", "%q is not the ARN of a stream or of a stream's consumer", brief(s.EventSourceArn))
	}
	s.checkPosition(errs)
	errs.within("BatchSize", s.BatchSize, 1, maxBatchSize, s.BatchSize == 0)
	errs.within("MaximumBatchingWindowInSeconds", s.MaximumBatchingWindowInSeconds, 0, maxBatchingWindow, false)
	errs.within("ParallelizationFactor", s.ParallelizationFactor, 1, maxFactor, s.ParallelizationFactor == 0)
	errs.within("TumblingWindowInSeconds", s.TumblingWindowInSeconds, 0, maxTumblingWindow, false)
	if s.TumblingWindowInSeconds > 0 && s.ParallelizationFactor > 1 {
		errs.add("ParallelizationFactor", "%d is above 1, but there is one state a shard with TumblingWindowInSeconds", s.ParallelizationFactor)
	}
	if s.MaximumRetryAttempts != nil {
		errs.within("MaximumRetryAttempts", *s.MaximumRetryAttempts, -1, maxRetries, false)
	}
	errs.age(s.MaximumRecordAgeInSeconds, s.MaximumRecordAgeInSeconds == 0)
	switch {
	case len(s.FunctionResponseTypes) > 1:
		errs.add("FunctionResponseTypes", "has %d entries; at most 1 is allowed", len(s.FunctionResponseTypes))
	case len(s.FunctionResponseTypes) == 1 && s.FunctionResponseTypes[0] != ReportBatchItemFailures:
		errs.add("FunctionResponseTypes", "%q is not %s", brief(s.FunctionResponseTypes[0]), ReportBatchItemFailures)
	}
	s.checkDestination(errs)
	s.checkFilters(errs)
	for _, m := range s.MetricsConfig.Metrics {
		if m != eventCount {
			errs.add("MetricsConfig.Metrics", "%q is not %s", brief(m), eventCount)
		}
	}
}

func (s Settings) checkPosition(errs *problems) {
	const field = "StartingPositionTimestamp"
	switch s.StartingPosition {
	case AtTimestamp:
		if s.StartingPositionTimestamp.IsZero() {
			errs.add(field, "is missing; %s needs it", AtTimestamp)
		} else if s.StartingPositionTimestamp.After(time.Now()) {
			errs.add(field, "%s is in the future", s.StartingPositionTimestamp.UTC().Format(time.RFC3339Nano))
		}
		return
	case TrimHorizon, Latest:
	case "":
		errs.add("StartingPosition", "is missing; it is %s, %s or %s", TrimHorizon, Latest, AtTimestamp)
	default:
		errs.add("StartingPosition", "%q is not %s, %s or %s", brief(s.StartingPosition), TrimHorizon, Latest, AtTimestamp)
	}
	if !s.StartingPositionTimestamp.IsZero() {
		errs.add(field, "is set, but StartingPosition is not %s", AtTimestamp)
	}
}

func (s Settings) checkDestination(errs *problems) {
	const field = "DestinationConfig.OnFailure.Destination"
	switch d := s.DestinationConfig.OnFailure.Destination; {
	case d == "":
	case len(d) > maxDestination:
		errs.add(field, "has %d characters; at most %d are allowed", len(d), maxDestination)
	case !destinationARN.MatchString(d):
		errs.add(field, "%q is not the ARN of a queue, a topic or a bucket", brief(d))
	}
}

func (s Settings) checkFilters(errs *problems) {
	const field = "FilterCriteria.Filters"
	if n := len(s.FilterCriteria.Filters); n > maxFilters {
		errs.add(field, "has %d entries; at most %d are allowed", n, maxFilters)
		return
	}
	for i, f := range s.FilterCriteria.Filters {
		name := fmt.Sprintf("%s[%d].Pattern", field, i)
		if n := utf8.RuneCountInString(f.Pattern); n > maxPattern {
			errs.add(name, "has %d characters; at most %d are allowed", n, maxPattern)
		} else if _, err := compile(f.Pattern); err != nil {
			errs.add(name, "%v", err)
		}
	}
}

// withDefaults returns s with a meaning for each zero.
func (s Settings) withDefaults() Settings {
	if s.BatchSize == 0 {
		s.BatchSize = defaultBatchSize
	}
	if s.ParallelizationFactor == 0 {
		s.ParallelizationFactor = 1
	}
	if s.MaximumRecordAgeInSeconds == 0 {
		s.MaximumRecordAgeInSeconds = -1
	}
	retries, enabled := -1, true
	if s.MaximumRetryAttempts == nil {
		s.MaximumRetryAttempts = &retries
	}
	if s.Enabled == nil {
		s.Enabled = &enabled
	}
	return s
}

// reports reports whether the function says which records failed.
func (s Settings) reports() bool {
	return slices.Contains(s.FunctionResponseTypes, ReportBatchItemFailures)
}

// from returns the position that stands in the settings.
func (s Settings) from() weir.Position {
	switch s.StartingPosition {
	case Latest:
		return weir.Latest()
	case AtTimestamp:
		return weir.AtTime(s.StartingPositionTimestamp)
	}
	return weir.TrimHorizon()
}

// problems are what is wrong with settings.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &weir.ArgumentError{Field: field, Reason: fmt.Sprintf(format, args...)})
}

// within checks a number that is not left to its default.
func (p *problems) within(field string, n, least, most int, unset bool) {
	if !unset && (n < least || n > most) {
		p.add(field, "%d is not %d to %d", n, least, most)
	}
}

// age checks a record's greatest age that is not left to its default.
func (p *problems) age(n int, unset bool) {
	if !unset && n != -1 && (n < minRecordAge || n > maxRecordAge) {
		p.add("MaximumRecordAgeInSeconds", "%d is not -1, or %d to %d", n, minRecordAge, maxRecordAge)
	}
}

// brief keeps a bad value from filling an error message.
func brief(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

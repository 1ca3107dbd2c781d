package eventsource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseSettings reads settings from the JSON that create-event-source-mapping
// takes with --cli-input-json. The error tells all that is wrong, as
// [Settings.Validate] does, and what is not for streams. Values of zero that
// are out of bounds, such as a BatchSize of 0, are refused here.
func ParseSettings(data []byte) (Settings, error) {
	return parse(data, reading{})
}

// ParseTemplate reads settings from the properties of a resource
// AWS::Lambda::EventSourceMapping of a CloudFormation template in JSON, or from
// the resource itself. Numbers and booleans may be quoted, and names and ARNs
// may be intrinsic functions: those are left empty.
func ParseTemplate(data []byte) (Settings, error) {
	r := reading{template: true}
	var resource struct {
		Type       *string
		Properties json.RawMessage
	}
	if err := json.Unmarshal(data, &resource); err == nil && resource.Type != nil {
		if *resource.Type != "AWS::Lambda::EventSourceMapping" {
			r.errs.add("Type", "%q is not AWS::Lambda::EventSourceMapping", brief(*resource.Type))
			return Settings{}, errors.Join(r.errs...)
		}
		data = resource.Properties
	}
	return parse(data, r)
}

func parse(data []byte, r reading) (Settings, error) {
	var s Settings
	if o := r.object("settings", data, fields(&r, &s)); o == nil {
		return Settings{}, errors.Join(r.errs...)
	}
	s.check(&r.errs)
	if len(r.errs) > 0 {
		return Settings{}, errors.Join(r.errs...)
	}
	return s, nil
}

// A reading is JSON that is read into settings.
type reading struct {
	template bool // of CloudFormation
	errs     problems
}

// A setter takes the value of a field.
type setter func(field string, value json.RawMessage)

// fields says what becomes of each field.
func fields(r *reading, s *Settings) map[string]setter {
	f := map[string]setter{
		"EventSourceArn":                 r.text(&s.EventSourceArn),
		"FunctionName":                   r.text(&s.FunctionName),
		"StartingPosition":               r.text(&s.StartingPosition),
		"StartingPositionTimestamp":      r.time(&s.StartingPositionTimestamp),
		"BatchSize":                      r.bounded(&s.BatchSize, 1, maxBatchSize),
		"MaximumBatchingWindowInSeconds": r.number(&s.MaximumBatchingWindowInSeconds),
		"ParallelizationFactor":          r.bounded(&s.ParallelizationFactor, 1, maxFactor),
		"TumblingWindowInSeconds":        r.number(&s.TumblingWindowInSeconds),
		"MaximumRecordAgeInSeconds":      r.age(&s.MaximumRecordAgeInSeconds),
		"MaximumRetryAttempts": func(field string, v json.RawMessage) {
			s.MaximumRetryAttempts = new(int)
			r.number(s.MaximumRetryAttempts)(field, v)
		},
		"BisectBatchOnFunctionError": r.boolean(&s.BisectBatchOnFunctionError),
		"Enabled": func(field string, v json.RawMessage) {
			s.Enabled = new(bool)
			r.boolean(s.Enabled)(field, v)
		},
		"FunctionResponseTypes": r.texts(&s.FunctionResponseTypes),
		"DestinationConfig": r.nested(map[string]setter{
			"OnFailure": r.nested(map[string]setter{"Destination": r.text(&s.DestinationConfig.OnFailure.Destination)}),
			"OnSuccess": r.refused("is not for event source mappings"),
		}),
		"FilterCriteria": r.nested(map[string]setter{"Filters": r.filters(&s.FilterCriteria.Filters)}),
		"MetricsConfig":  r.nested(map[string]setter{"Metrics": r.texts(&s.MetricsConfig.Metrics)}),
		"Tags":           func(string, json.RawMessage) {},
	}
	if r.template {
		f["KmsKeyArn"] = r.text(&s.KMSKeyArn)
	} else {
		f["KMSKeyArn"] = r.text(&s.KMSKeyArn)
	}
	for _, other := range []string{
		"AmazonManagedKafkaEventSourceConfig", "DocumentDBEventSourceConfig", "LoggingConfig", "ProvisionedPollerConfig", "Queues",
		"ScalingConfig", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig", "SourceAccessConfigurations", "Topics",
	} {
		f[other] = r.refused("is not for streams")
	}
	return f
}

// object reads the fields of an object, and returns it, or nil if it is none.
func (r *reading) object(name string, data []byte, fields map[string]setter) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		if err == nil {
			err = errors.New("null")
		}
		r.errs.add(name, "are no JSON object: %v", err)
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		v := bytes.TrimSpace(o[key])
		set, known := fields[key]
		switch {
		case !known:
			r.errs.add(brief(key), "is not known")
		case string(v) == "null" || r.template && isReference(v, `{"Ref":"AWS::NoValue"}`):
		default:
			set(key, v)
		}
	}
	return o
}

func isReference(v json.RawMessage, to string) bool {
	var b bytes.Buffer
	return json.Compact(&b, v) == nil && b.String() == to
}

func (r *reading) nested(fields map[string]setter) setter {
	return func(field string, v json.RawMessage) {
		var o map[string]json.RawMessage
		if json.Unmarshal(v, &o) != nil {
			r.errs.add(field, "%s is no object", brief(string(v)))
			return
		}
		inner := make(map[string]setter, len(fields))
		for name, set := range fields {
			inner[name] = func(_ string, v json.RawMessage) { set(field+"."+name, v) }
		}
		for name := range o {
			if _, known := fields[name]; !known {
				inner[name] = func(_ string, v json.RawMessage) { r.errs.add(field+"."+brief(name), "is not known") }
			}
		}
		r.object(field, v, inner)
	}
}

func (r *reading) text(to *string) setter {
	return func(field string, v json.RawMessage) {
		if json.Unmarshal(v, to) != nil && !(r.template && isIntrinsic(v)) {
			r.errs.add(field, "%s is no string", brief(string(v)))
		}
	}
}

// isIntrinsic reports whether a value is a function of CloudFormation.
func isIntrinsic(v json.RawMessage) bool {
	var o map[string]json.RawMessage
	if json.Unmarshal(v, &o) != nil || len(o) != 1 {
		return false
	}
	for name := range o {
		return name == "Ref" || strings.HasPrefix(name, "Fn::")
	}
	return false
}

func (r *reading) texts(to *[]string) setter {
	return func(field string, v json.RawMessage) {
		if json.Unmarshal(v, to) != nil {
			r.errs.add(field, "%s is no list of strings", brief(string(v)))
		}
	}
}

// scalar returns a value as it stands, unquoted where that is allowed.
func (r *reading) scalar(v json.RawMessage) string {
	var text string
	if r.template && json.Unmarshal(v, &text) == nil {
		return text
	}
	return string(v)
}

func (r *reading) number(to *int) setter {
	return func(field string, v json.RawMessage) {
		f, err := strconv.ParseFloat(r.scalar(v), 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
			r.errs.add(field, "%s is no whole number", brief(string(v)))
			return
		}
		*to = int(f)
	}
}

// bounded reads a number whose zero is out of bounds. Settings.check sees to
// all others.
func (r *reading) bounded(to *int, least, most int) setter {
	return func(field string, v json.RawMessage) {
		had := len(r.errs)
		r.number(to)(field, v)
		if len(r.errs) == had && *to == 0 {
			r.errs.within(field, 0, least, most, false)
		}
	}
}

func (r *reading) age(to *int) setter {
	return func(field string, v json.RawMessage) {
		had := len(r.errs)
		r.number(to)(field, v)
		if len(r.errs) == had && *to == 0 {
			r.errs.age(0, false)
		}
	}
}

func (r *reading) boolean(to *bool) setter {
	return func(field string, v json.RawMessage) {
		switch r.scalar(v) {
		case "true":
			*to = true
		case "false":
			*to = false
		default:
			r.errs.add(field, "%s is not true or false", brief(string(v)))
		}
	}
}

// time reads Unix seconds or a text of RFC 3339.
func (r *reading) time(to *time.Time) setter {
	return func(field string, v json.RawMessage) {
		var text string
		if json.Unmarshal(v, &text) == nil {
			if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
				*to = t
				return
			}
		}
		f, err := strconv.ParseFloat(r.scalar(v), 64)
		if err != nil || f < 0 || f > math.MaxUint32 {
			r.errs.add(field, "%s is no time in Unix seconds or as RFC 3339 has it", brief(string(v)))
			return
		}
		*to = time.UnixMilli(int64(math.Round(f * 1000))).UTC()
	}
}

func (r *reading) filters(to *[]Filter) setter {
	return func(field string, v json.RawMessage) {
		var list []json.RawMessage
		if json.Unmarshal(v, &list) != nil {
			r.errs.add(field, "%s is no list", brief(string(v)))
			return
		}
		had := len(r.errs)
		for i, item := range list {
			var f Filter
			r.nested(map[string]setter{"Pattern": r.text(&f.Pattern)})(fmt.Sprintf("%s[%d]", field, i), item)
			*to = append(*to, f)
		}
		if len(r.errs) > had {
			*to = nil // they are wrong enough, and are not checked further
		}
	}
}

func (r *reading) refused(why string) setter {
	return func(field string, v json.RawMessage) {
		switch string(v) {
		case "{}", "[]", `""`:
		default:
			r.errs.add(field, "%s", why)
		}
	}
}

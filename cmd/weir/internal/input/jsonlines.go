package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The fields of a JSON line that are read unless Fields names others. Status and
// page may be missing.
const (
	DefaultKeyField  = "client"
	DefaultTimeField = "time"
	statusField      = "status"
	pageField        = "page"
)

// Fields names the fields of JSON lines, or the columns of a table. A dot goes into an object: "user.id".
type Fields struct {
	Key  string // a string or a number; empty means DefaultKeyField, or DefaultKeyColumn
	Time string // empty means DefaultTimeField
}

func (f Fields) withDefaults() Fields {
	if f.Key == "" {
		f.Key = DefaultKeyField
	}
	if f.Time == "" {
		f.Time = DefaultTimeField
	}
	return f
}

// ParseJSON reads a line that is one JSON object. The time is a string as in RFC
// 3339, or a number of seconds or milliseconds since 1970. The event's Raw is
// line itself.
func (f Fields) ParseJSON(line []byte) (Event, error) {
	f = f.withDefaults()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil {
		return Event{}, fmt.Errorf("not a JSON object: %w", err)
	}
	key, err := keyField(object, f.Key)
	if err != nil {
		return Event{}, err
	}
	at, err := timeField(object, f.Time)
	if err != nil {
		return Event{}, err
	}
	e := Event{Key: key, Time: at, Raw: line, Size: len(line)}
	if status, err := strconv.Atoi(scalar(object[statusField])); err == nil && status >= 0 {
		e.Status = status
	}
	e.Page, _, _ = strings.Cut(scalar(object[pageField]), "?")
	return e, nil
}

// keyField returns the key, which may be a string or a number.
func keyField(object map[string]json.RawMessage, name string) (string, error) {
	raw := find(object, name)
	if raw == nil {
		return "", fmt.Errorf("there is no field %q for the key", name)
	}
	key := scalar(raw)
	if key == "" {
		return "", fmt.Errorf("field %q, the key, is empty or neither a string nor a number", name)
	}
	return key, checkKey(key)
}

// find returns the field of a name, or of a path of names with dots between, or
// nil.
func find(object map[string]json.RawMessage, name string) json.RawMessage {
	if raw, ok := object[name]; ok {
		return raw
	}
	outer, inner, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	var within map[string]json.RawMessage
	if json.Unmarshal(object[outer], &within) != nil {
		return nil
	}
	return find(within, inner)
}

// scalar returns a string or a number as text, and "" for anything else.
func scalar(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	}
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return string(raw)
	}
	return ""
}

// timeField returns the time of the event.
func timeField(object map[string]json.RawMessage, name string) (time.Time, error) {
	raw := find(object, name)
	if raw == nil {
		return time.Time{}, fmt.Errorf("there is no field %q for the time", name)
	}
	text := scalar(raw)
	if text == "" {
		return time.Time{}, fmt.Errorf("time %s is neither as in RFC 3339 nor a number", shorten(string(raw)))
	}
	return parseTime(text)
}

// timeOfNumber takes n for seconds, or for milliseconds from 1e11 on: in seconds
// that would be the year 5138.
func timeOfNumber(n float64) (time.Time, error) {
	const firstMillis, lastMillis = 1e11, 1e14
	switch {
	case math.IsNaN(n) || n < 0 || n >= lastMillis:
		return time.Time{}, errors.New("is out of range")
	case n >= firstMillis:
		return time.UnixMilli(int64(n)).UTC(), nil
	default:
		whole, part := math.Modf(n)
		return time.Unix(int64(whole), int64(part*1e9)).UTC(), nil
	}
}

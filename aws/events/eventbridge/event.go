package eventbridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrInvalid is matched by the errors for what is no event, path or template,
// and for settings out of bounds.
var ErrInvalid = errors.New("invalid")

// An Event is what EventBridge hands on. Detail is an object.
type Event struct {
	Version    string          `json:"version"` // "0"
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       time.Time       `json:"time"` // in seconds, as EventBridge writes it
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
	// ReplayName is that of the replay from an archive that the event is of.
	ReplayName string `json:"replay-name,omitempty"`
}

// ParseEvent reads an event. It must have an id, a source, a detail-type and an
// object for detail.
func ParseEvent(text []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(text, &e); err != nil {
		return Event{}, fmt.Errorf("event: %w: %w", ErrInvalid, err)
	}
	for _, f := range []struct{ name, value string }{{"id", e.ID}, {"source", e.Source}, {"detail-type", e.DetailType}} {
		if f.value == "" {
			return Event{}, fmt.Errorf("event: %w: it has no %s", ErrInvalid, f.name)
		}
	}
	if !isObject(e.Detail) {
		return Event{}, fmt.Errorf("event %s: %w: its detail is no object", e.ID, ErrInvalid)
	}
	return e, nil
}

func isObject(text []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) }

// JSON returns the event as EventBridge writes it: version "0" and no resources
// if there are none, its time in whole seconds, UTC.
func (e Event) JSON() ([]byte, error) {
	if e.Version == "" {
		e.Version = "0"
	}
	if e.Resources == nil {
		e.Resources = []string{}
	}
	if len(e.Detail) == 0 {
		e.Detail = json.RawMessage("{}")
	}
	if !isObject(e.Detail) {
		return nil, fmt.Errorf("event %s: %w: its detail is no object", e.ID, ErrInvalid)
	}
	e.Time = e.Time.UTC().Truncate(time.Second)
	return marshal(e)
}

// marshal writes JSON without escapes that only HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

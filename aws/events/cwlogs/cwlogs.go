// Package cwlogs reads and writes what CloudWatch Logs puts into a stream that
// is subscribed to log groups: gzipped JSON messages of several log events
// each.
//
//	m, err := cwlogs.Decode(record.Data, 0)
//	if err == nil && m.IsData() {
//		for _, e := range m.Events { … }
//	}
//
// The data of a record is gzip as it is. Base64 around it, which comes only
// where somebody printed a record, such as in an event of Lambda or an answer
// of the command line, is seen and taken off, and so is JSON that is not
// compressed.
//
// Control messages ask whether the stream can be reached. They have no log of a
// user's, and are to be passed over: [Extract] does.
package cwlogs

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxBytes is how large a message may become by decompression where a caller
// does not say otherwise, in bytes. A record of a stream has 10 MiB at most, of
// which gzip could make 10 GiB.
const MaxBytes = 32 << 20

var (
	// ErrTooLarge is matched by the error for a message that is larger than was
	// allowed.
	ErrTooLarge = errors.New("too large")
	// ErrInvalid is matched by the errors for data that is no message.
	ErrInvalid = errors.New("not a message of CloudWatch Logs")
)

// The types of messages.
const (
	Data    = "DATA_MESSAGE"
	Control = "CONTROL_MESSAGE"
)

// A Message is what one record has: log events of one log stream.
type Message struct {
	Owner               string   `json:"owner"` // the account of the log group
	LogGroup            string   `json:"logGroup"`
	LogStream           string   `json:"logStream"`
	SubscriptionFilters []string `json:"subscriptionFilters"`
	Type                string   `json:"messageType"` // [Data] or [Control]
	Events              []Event  `json:"logEvents"`
	// PolicyLevel says that the subscription is of a whole account; empty for one
	// of a log group.
	PolicyLevel string `json:"policyLevel,omitempty"`
}

// IsData reports whether the message has events of a log, and is no probe.
func (m Message) IsData() bool { return m.Type == Data }

// An Event is one entry of a log.
type Event struct {
	ID      string
	Time    time.Time // UTC, in milliseconds
	Message string
	// Fields are what the subscription's filter found by a pattern with names;
	// nil if it has none.
	Fields map[string]string
}

type wireEvent struct {
	ID        *string           `json:"id"`
	Timestamp *int64            `json:"timestamp"`
	Message   *string           `json:"message"`
	Fields    map[string]string `json:"extractedFields,omitempty"`
}

// MarshalJSON returns the event as CloudWatch Logs writes it. What a time has
// beyond milliseconds is cut off.
func (e Event) MarshalJSON() ([]byte, error) {
	ms := e.Time.UnixMilli()
	return json.Marshal(wireEvent{&e.ID, &ms, &e.Message, e.Fields})
}

// UnmarshalJSON reads an event. Time and message must be there.
func (e *Event) UnmarshalJSON(text []byte) error {
	var w wireEvent
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	switch {
	case w.Timestamp == nil:
		return fmt.Errorf("%w: a log event has no timestamp", ErrInvalid)
	case w.Message == nil:
		return fmt.Errorf("%w: a log event has no message", ErrInvalid)
	}
	*e = Event{Time: time.UnixMilli(*w.Timestamp).UTC(), Message: *w.Message, Fields: w.Fields}
	if w.ID != nil {
		e.ID = *w.ID
	}
	return nil
}

// Decode reads the data of a record. A message larger than limit bytes is
// refused with an error that matches [ErrTooLarge]; zero means [MaxBytes]. It
// needs memory of about three times the message. Other errors match
// [ErrInvalid].
func Decode(data []byte, limit int) (Message, error) {
	var m Message
	text, err := plain(data, limit)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return Message{}, invalid(err)
	}
	switch m.Type {
	case Data, Control:
		return m, nil
	case "":
		return Message{}, fmt.Errorf("%w: it has no messageType", ErrInvalid)
	default:
		return Message{}, fmt.Errorf("%w: its messageType is %.40q, not %s or %s", ErrInvalid, m.Type, Data, Control)
	}
}

func invalid(err error) error {
	if errors.Is(err, ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// plain returns the JSON text in data.
func plain(data []byte, limit int) ([]byte, error) {
	if limit <= 0 {
		limit = MaxBytes
	}
	switch trimmed := bytes.TrimSpace(data); {
	case len(trimmed) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrInvalid)
	case bytes.HasPrefix(data, gzipped):
	case trimmed[0] == '{':
		if len(trimmed) > limit {
			return nil, tooLarge(limit)
		}
		return trimmed, nil
	default:
		decoded, err := base64.StdEncoding.DecodeString(string(trimmed))
		if err != nil || !bytes.HasPrefix(decoded, gzipped) {
			return nil, fmt.Errorf("%w: it is neither gzip, nor gzip in base64, nor JSON", ErrInvalid)
		}
		data = decoded
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, invalid(err)
	}
	text, err := io.ReadAll(io.LimitReader(z, int64(limit)+1))
	switch {
	case len(text) > limit:
		return nil, tooLarge(limit)
	case err != nil:
		return nil, invalid(err)
	}
	return text, nil
}

var gzipped = []byte{0x1f, 0x8b} // what gzip begins with

func tooLarge(limit int) error {
	return fmt.Errorf("message of CloudWatch Logs: %w: more than %d bytes", ErrTooLarge, limit)
}

// Encode returns a message as the data of a record: JSON in gzip. It is for
// those who test, or write what others read as if it came from CloudWatch Logs.
func Encode(m Message) ([]byte, error) {
	if m.Type != Data && m.Type != Control {
		return nil, fmt.Errorf("%w: its type is %.40q, not %s or %s", ErrInvalid, m.Type, Data, Control)
	}
	for i, e := range m.Events {
		// JSON has no other text, and would change it without a word.
		if !utf8.ValidString(e.Message) {
			return nil, fmt.Errorf("%w: log event %d is not UTF-8", ErrInvalid, i)
		}
	}
	if m.Events == nil {
		m.Events = []Event{}
	}
	if m.SubscriptionFilters == nil {
		m.SubscriptionFilters = []string{}
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	err := errors.Join(json.NewEncoder(z).Encode(m), z.Close())
	return b.Bytes(), err
}

// Extract returns the messages of a record's log events, as Firehose's message
// extraction does: each on a line of its own, without what stands around them.
// A control message has none, which is no error. The limit is that of [Decode].
func Extract(data []byte, limit int) ([]byte, error) {
	m, err := Decode(data, limit)
	if err != nil || !m.IsData() {
		return nil, err
	}
	var b strings.Builder
	for _, e := range m.Events {
		b.WriteString(e.Message)
		if !strings.HasSuffix(e.Message, "\n") {
			b.WriteByte('\n')
		}
	}
	return []byte(b.String()), nil
}

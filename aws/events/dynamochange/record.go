// Package dynamochange reads and writes the changes of a DynamoDB table as they
// arrive in a Kinesis stream: one JSON object a record, with the item before
// and after.
//
//	r, err := dynamochange.Parse(record.Data)
//	var order Order
//	err = r.NewImage.To(&order) // numbers without loss, sets, binary
//
// A change may come more than once, and after one that was made later.
// [Compare] says which of two changes of an item is the earlier one, and a
// [View] is the table put together from its changes, whatever order they come
// in.
package dynamochange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrInvalid is matched by the errors for what is no change, or no attribute
// value.
var ErrInvalid = errors.New("invalid")

// An EventName says what a change did to an item.
type EventName string

// The three kinds of change.
const (
	Insert EventName = "INSERT"
	Modify EventName = "MODIFY"
	Remove EventName = "REMOVE"
)

// A Precision is that of a change's time. The zero value is milliseconds.
type Precision int

// The precisions that a table's stream may be set to.
const (
	Millisecond Precision = iota
	Microsecond
)

// Duration returns the step between two times.
func (p Precision) Duration() time.Duration {
	if p == Microsecond {
		return time.Microsecond
	}
	return time.Millisecond
}

// A Record is one change of one item.
type Record struct {
	Region    string
	EventID   string // of the change: it is the same in its duplicates
	EventName EventName
	TableName string
	// Created is about when the item was changed, UTC, in steps of Precision.
	Created   time.Time
	Precision Precision
	Keys      Item
	NewImage  Item // nil for [Remove]
	OldImage  Item // nil for [Insert]
	SizeBytes int64
	// Identity is who made the change if that is not a user: the service, where an
	// item has expired. Else nil.
	Identity *Identity
}

// An Identity is who made a change.
type Identity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
}

// Expired reports whether the item was removed because its time to live had
// passed.
func (r Record) Expired() bool {
	return r.EventName == Remove && r.Identity != nil && r.Identity.Type == "Service" && r.Identity.PrincipalID == "dynamodb.amazonaws.com"
}

type wireRecord struct {
	Region    string    `json:"awsRegion"`
	EventID   string    `json:"eventID"`
	EventName EventName `json:"eventName"`
	Identity  *Identity `json:"userIdentity"`
	Format    string    `json:"recordFormat"`
	TableName string    `json:"tableName"`
	Change    struct {
		Created   *json.Number `json:"ApproximateCreationDateTime"`
		Precision string       `json:"ApproximateCreationDateTimePrecision,omitempty"`
		Keys      Item         `json:"Keys"`
		NewImage  Item         `json:"NewImage,omitzero"`
		OldImage  Item         `json:"OldImage,omitzero"`
		SizeBytes int64        `json:"SizeBytes"`
	} `json:"dynamodb"`
	Source string `json:"eventSource"`
}

const (
	source     = "aws:dynamodb"
	format     = "application/json"
	millisName = "MILLISECOND"
	microsName = "MICROSECOND"
)

// Parse reads the data of a record. It must be one of DynamoDB's, with the keys
// of the item, a time, and the images that its kind of change has. Errors match
// [ErrInvalid].
func Parse(data []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(data, &r)
	if err != nil && !errors.Is(err, ErrInvalid) {
		err = fmt.Errorf("change: %w: %w", ErrInvalid, err)
	}
	return r, err
}

// UnmarshalJSON reads a change, as [Parse] does.
func (r *Record) UnmarshalJSON(data []byte) error {
	var w wireRecord
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("change: %w: %w", ErrInvalid, err)
	}
	c := w.Change
	got := Record{Region: w.Region, EventID: w.EventID, EventName: w.EventName, TableName: w.TableName, Identity: w.Identity,
		Keys: c.Keys, NewImage: c.NewImage, OldImage: c.OldImage, SizeBytes: c.SizeBytes}
	var at int64
	if c.Created != nil {
		var err error
		if at, err = c.Created.Int64(); err != nil {
			return fmt.Errorf("change %.40s: %w: its ApproximateCreationDateTime %.40s is no whole number", w.EventID, ErrInvalid, *c.Created)
		}
	}
	switch c.Precision {
	case "", millisName:
		got.Created = time.UnixMilli(at).UTC()
	case microsName:
		got.Created, got.Precision = time.UnixMicro(at).UTC(), Microsecond
	default:
		return fmt.Errorf("change %.40s: %w: its precision is %.40q, not %s or %s", w.EventID, ErrInvalid, c.Precision, millisName, microsName)
	}
	if w.Source != source {
		return fmt.Errorf("change %.40s: %w: its eventSource is %.40q, not %s", w.EventID, ErrInvalid, w.Source, source)
	}
	if c.Created == nil {
		return fmt.Errorf("change %.40s: %w: it has no ApproximateCreationDateTime", w.EventID, ErrInvalid)
	}
	if err := got.check(); err != nil {
		return err
	}
	*r = got
	return nil
}

func (r *Record) check() error {
	has := func(field string, item Item, wanted bool) error {
		switch {
		case wanted && item == nil:
			return fmt.Errorf("change %.40s: %w: %s without %s", r.EventID, ErrInvalid, r.EventName, field)
		case !wanted && item != nil:
			return fmt.Errorf("change %.40s: %w: %s with %s", r.EventID, ErrInvalid, r.EventName, field)
		}
		return nil
	}
	switch r.EventName {
	case Insert, Modify, Remove:
	default:
		return fmt.Errorf("change %.40s: %w: its eventName is %.40q, not %s, %s or %s", r.EventID, ErrInvalid, r.EventName, Insert, Modify, Remove)
	}
	if len(r.Keys) == 0 {
		return fmt.Errorf("change %.40s: %w: it has no keys", r.EventID, ErrInvalid)
	}
	return errors.Join(has("NewImage", r.NewImage, r.EventName != Remove), has("OldImage", r.OldImage, r.EventName != Insert))
}

// MarshalJSON writes a change as DynamoDB does. What its time has beyond its
// precision is cut off.
func (r Record) MarshalJSON() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	w := wireRecord{Region: r.Region, EventID: r.EventID, EventName: r.EventName, Identity: r.Identity, Format: format, TableName: r.TableName, Source: source}
	c := &w.Change
	c.Keys, c.NewImage, c.OldImage, c.SizeBytes = r.Keys, r.NewImage, r.OldImage, r.SizeBytes
	at := json.Number(fmt.Sprint(r.Created.UnixMilli()))
	if r.Precision == Microsecond {
		at, c.Precision = json.Number(fmt.Sprint(r.Created.UnixMicro())), microsName
	}
	c.Created = &at
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(w)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

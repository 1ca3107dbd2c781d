// Package dmschange reads and writes the records that the Database Migration
// Service puts into a stream: rows of a database's tables as they are loaded
// and changed, and control records, which say what became of the tables
// themselves.
//
//	r, err := dmschange.Parse(record.Data)
//	if err == nil && r.IsData() {
//		row, err := r.Row() // numbers as the text has them
//	}
//
// The service's guide does not describe the shape as a whole. What is known of
// it stands at [Record]; fields that are not known are left out.
package dmschange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrInvalid is matched by the errors for what is no record of the service.
var ErrInvalid = errors.New("invalid")

// An Operation is what was done to a row, or to a table.
type Operation string

// The operations of data records.
const (
	Load   Operation = "load" // the row was there when the task began
	Insert Operation = "insert"
	Update Operation = "update"
	Delete Operation = "delete"
)

// Some operations of control records.
const (
	CreateTable  Operation = "create-table"
	DropTable    Operation = "drop-table"
	RenameTable  Operation = "rename-table"
	AddColumn    Operation = "add-column"
	DropColumn   Operation = "drop-column"
	RenameColumn Operation = "rename-column"
)

// The types of records.
const (
	Data    = "data"
	Control = "control"
)

// A Record is one of the service.
type Record struct {
	// Data is the row, an object: after the change, or what was deleted. Columns
	// that are null may be missing. It is nil in control records.
	Data json.RawMessage `json:"data,omitempty"`
	// Before is the row before an update, if the task is set so; else nil.
	Before json.RawMessage `json:"before-image,omitempty"`
	// Control says more about a control record, if the task is set so; else nil.
	Control  json.RawMessage `json:"control,omitempty"`
	Metadata Metadata        `json:"metadata"`
}

// Metadata says what a record is of.
type Metadata struct {
	Timestamp        time.Time `json:"timestamp"` // when the service made the record, or of the change: as the task is set
	RecordType       string    `json:"record-type"`
	Operation        Operation `json:"operation"`
	PartitionKeyType string    `json:"partition-key-type,omitempty"` // "primary-key", "schema-table" or "task-id"
	PartitionKey     string    `json:"partition-key-value,omitempty"`
	Schema           string    `json:"schema-name"`
	Table            string    `json:"table-name"`

	// These are there if the task includes details of transactions. TransactionID
	// is 0 for rows that were loaded.
	TransactionID           int64      `json:"transaction-id,omitempty"`
	TransactionRecordID     int64      `json:"transaction-record-id,omitempty"`
	PrevTransactionID       int64      `json:"prev-transaction-id,omitempty"`
	PrevTransactionRecordID int64      `json:"prev-transaction-record-id,omitempty"`
	CommitTimestamp         *time.Time `json:"commit-timestamp,omitempty"`
	StreamPosition          string     `json:"stream-position,omitempty"` // of the source's log
}

// IsData reports whether the record is of a row.
func (r Record) IsData() bool { return r.Metadata.RecordType == Data }

// Parse reads the data of a record of the stream, in either format, json or
// json-unformatted. A data record must have a row and one of the four
// operations; a control record any operation. Errors match [ErrInvalid].
func Parse(data []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return Record{}, fmt.Errorf("DMS record: %w: %w", ErrInvalid, err)
	}
	if err := r.check(); err != nil {
		return Record{}, err
	}
	return r, nil
}

func (r *Record) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("DMS record of %.80s.%.80s: %w: %s", r.Metadata.Schema, r.Metadata.Table, ErrInvalid, fmt.Sprintf(format, args...))
	}
	isObject := func(text json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) }
	switch m := r.Metadata; {
	case m.RecordType == Control && m.Operation == "":
		return bad("it has no operation")
	case m.RecordType == Control:
		return nil
	case m.RecordType != Data:
		return bad("its record-type is %.40q, not %s or %s", m.RecordType, Data, Control)
	}
	switch r.Metadata.Operation {
	case Load, Insert, Update, Delete:
	default:
		return bad("its operation is %.40q, not %s, %s, %s or %s", r.Metadata.Operation, Load, Insert, Update, Delete)
	}
	switch {
	case !isObject(r.Data):
		return bad("its data is no object")
	case r.Before != nil && !isObject(r.Before) && string(r.Before) != "null":
		return bad("its before-image is no object")
	}
	return nil
}

// JSON returns the record as the service writes it.
func (r Record) JSON() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	r.Metadata.Timestamp = r.Metadata.Timestamp.UTC()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(r)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Row returns the row by its columns: string, json.Number, bool, nil, or what
// JSON has within a column. It is nil for control records.
func (r Record) Row() (map[string]any, error) { return row(r.Data) }

// BeforeRow returns the row before an update, as [Record.Row] does; nil if the
// record has none.
func (r Record) BeforeRow() (map[string]any, error) { return row(r.Before) }

func row(text json.RawMessage) (columns map[string]any, err error) {
	if text == nil {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&columns); err != nil {
		return nil, fmt.Errorf("row: %w: %w", ErrInvalid, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("row: %w: more behind it", ErrInvalid)
	}
	return columns, nil
}

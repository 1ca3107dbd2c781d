// Package entries reads records that are to be put: lines, JSON, or data with its
// length in front. What cannot be put is told with its place, and does not end
// the reading.
package entries

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// The formats, by the names that a command line gives them.
const (
	Lines   = "lines"   // the data is a line, without its end
	JSON    = "json"    // it is a line that is JSON
	Records = "records" // a line is an object with key and data, as weir tail --json prints it
	Lengths = "lengths" // before the data stands its length: four bytes, the highest first
)

// Formats are all there are.
var Formats = []string{Lines, JSON, Records, Lengths}

// A Source is records of a file. Make one with [New].
type Source struct {
	r      *bufio.Reader
	format string
	key    Key
	n      int // records, or lines, that were read
	buf    []byte
}

// New returns a source. Records have their own keys in format [Records]; else key
// says which they have.
func New(r io.Reader, format string, key Key) *Source {
	return &Source{r: bufio.NewReaderSize(r, 64<<10), format: format, key: key}
}

// A BadError says which record cannot be put, and why.
type BadError struct {
	Number int // of the line, or of the record where there are no lines; from 1
	Err    error
}

// Error returns the place and the reason.
func (e *BadError) Error() string { return fmt.Sprintf("record %d: %v", e.Number, e.Err) }

// Unwrap returns the reason.
func (e *BadError) Unwrap() error { return e.Err }

// Next returns the next record. The error is [io.EOF] at the end, and a
// [*BadError] for a record that cannot be put: then there may be more.
func (s *Source) Next() (weir.Entry, error) {
	data, err := s.data()
	if err != nil {
		return weir.Entry{}, err
	}
	e, err := s.entry(data)
	if err != nil {
		return weir.Entry{}, &BadError{s.n, err}
	}
	return e, nil
}

// Number returns the number of the line, or of the record where there are no
// lines, that was read last.
func (s *Source) Number() int { return s.n }

// data returns the next line that is not blank, or the next data.
func (s *Source) data() ([]byte, error) {
	if s.format == Lengths {
		return s.lengths()
	}
	for {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}

var errTooLong = fmt.Errorf("is longer than the %d bytes of the largest record", weir.MaxRecordBytes)

// line returns the next line without its end.
func (s *Source) line() ([]byte, error) {
	s.buf = s.buf[:0]
	s.n++
	long := false
	for {
		part, err := s.r.ReadSlice('\n')
		if long = long || len(s.buf)+len(part) > 2*weir.MaxRecordBytes; !long {
			s.buf = append(s.buf, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && (len(s.buf) > 0 || long), err == nil:
		default:
			return nil, err
		}
		if long {
			return nil, &BadError{s.n, errTooLong}
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(s.buf, []byte("\n")), []byte("\r")), nil
	}
}

// lengths returns the next data that has its length in front.
func (s *Source) lengths() ([]byte, error) {
	var length [4]byte
	s.n++
	switch n, err := io.ReadFull(s.r, length[:]); {
	case err == io.ErrUnexpectedEOF:
		return nil, fmt.Errorf("record %d: the file ends after %d bytes of its length", s.n, n)
	case err != nil:
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(length[:]))
	if size > weir.MaxRecordBytes {
		// Nothing behind it can be trusted.
		return nil, fmt.Errorf("record %d: its length, %d, %w", s.n, size, errTooLong)
	}
	data := make([]byte, size)
	if n, err := io.ReadFull(s.r, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("record %d: the file ends after %d of its %d bytes", s.n, n, size)
		}
		return nil, err
	}
	return data, nil
}

// entry returns the record of a line or of data.
func (s *Source) entry(data []byte) (e weir.Entry, err error) {
	switch s.format {
	case Records:
		return record(data)
	case JSON:
		if !json.Valid(data) {
			return e, errors.New("is no JSON")
		}
	}
	if e.PartitionKey, err = s.key.of(data); err != nil {
		return e, err
	}
	if s.format == Lengths {
		e.Data = data
	} else {
		e.Data = bytes.Clone(data)
	}
	return e, check(e)
}

func check(e weir.Entry) error {
	switch n := utf8.RuneCountInString(e.PartitionKey); {
	case n == 0:
		return errors.New("the key is empty")
	case n > weir.MaxPartitionKeyLength:
		return fmt.Errorf("the key has %d characters; at most %d are allowed", n, weir.MaxPartitionKeyLength)
	case !utf8.ValidString(e.PartitionKey):
		return fmt.Errorf("the key %q is not UTF-8", e.PartitionKey)
	case len(e.PartitionKey)+len(e.Data) > weir.MaxRecordBytes:
		return errTooLong
	}
	return nil
}

// record returns the record of an object with key and data.
func record(text []byte) (e weir.Entry, err error) {
	var o struct {
		Key  *string       `json:"key"`
		Hash *weir.HashKey `json:"hash"`
		Text *string       `json:"text"`
		Data *[]byte       `json:"data"`
	}
	if err := json.Unmarshal(text, &o); err != nil {
		return e, noRecord(err)
	}
	switch {
	case o.Key == nil:
		return e, errors.New(`has no "key"`)
	case o.Text != nil && o.Data != nil:
		return e, errors.New(`has both "text" and "data"`)
	case o.Text != nil:
		e.Data = []byte(*o.Text)
	case o.Data != nil:
		e.Data = *o.Data
	default:
		return e, errors.New(`has neither "text" nor "data"`)
	}
	e.PartitionKey, e.ExplicitHashKey = *o.Key, o.Hash
	return e, check(e)
}

// noRecord says in the words of JSON why a line is no object of a record.
func noRecord(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, new(base64.CorruptInputError)):
		return fmt.Errorf(`"data" is no base64: %w`, err)
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%q is no string: it is a JSON %s", wrong.Field, wrong.Value)
	case errors.As(err, &wrong):
		return fmt.Errorf("is no object of a record: it is a JSON %s", wrong.Value)
	}
	return fmt.Errorf("is no object of a record: %w", err)
}

// A Key says which partition key records have. The zero value is a random one
// each. It is the value of a flag.
type Key struct {
	text   string
	always string   // unless empty
	column int      // of the line, from 1; 0 is none
	path   []string // in the object that the line is
}

// Set sets the rule from text.
func (k *Key) Set(text string) error {
	*k = Key{text: text}
	n, err := strconv.Atoi(text)
	switch {
	case text == "random":
	case strings.HasPrefix(text, "=") && len(text) > 1:
		k.always = text[1:]
		if err := check(weir.Entry{PartitionKey: k.always}); err != nil {
			return err
		}
	case strings.HasPrefix(text, ".") && !strings.Contains(text+".", ".."):
		k.path = strings.Split(text[1:], ".")
	case err == nil && n > 0 && n <= 1000:
		k.column = n
	default:
		return errors.New("must be random, =TEXT, the number of a column such as 1, or a field such as .user.id")
	}
	return nil
}

// String returns what was set.
func (k *Key) String() string {
	if k.text == "" {
		return "random"
	}
	return k.text
}

// Type returns what help calls the value.
func (k *Key) Type() string { return "KEY" }

// NeedsText reports whether the rule looks at the records, and NeedsJSON whether
// at fields.
func (k *Key) NeedsText() bool { return k.column > 0 || k.NeedsJSON() }

// NeedsJSON reports whether the rule looks at fields.
func (k *Key) NeedsJSON() bool { return len(k.path) > 0 }

// of returns the key of a record.
func (k *Key) of(data []byte) (string, error) {
	switch {
	case k.always != "":
		return k.always, nil
	case k.column > 0:
		n := 0
		for column := range bytes.FieldsSeq(data) {
			if n++; n == k.column {
				return string(column), nil
			}
		}
		return "", fmt.Errorf("has %d columns; the key is in column %d", n, k.column)
	case len(k.path) > 0:
		return field(data, k.path)
	}
	return strconv.FormatUint(rand.Uint64(), 36), nil
}

// field returns the text of a field that is a string or a number.
func field(data []byte, path []string) (string, error) {
	at := json.RawMessage(data)
	for _, name := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(at, &object) != nil || object[name] == nil {
			return "", fmt.Errorf("has no field .%s for the key", strings.Join(path, "."))
		}
		at = object[name]
	}
	var text string
	if json.Unmarshal(at, &text) == nil && at[0] == '"' {
		return text, nil
	}
	if at[0] == '-' || at[0] >= '0' && at[0] <= '9' {
		return string(at), nil
	}
	return "", fmt.Errorf("field .%s, the key, is neither a string nor a number", strings.Join(path, "."))
}

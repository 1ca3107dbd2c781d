package input

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirstream/weir"
)

// The columns of a table that are read unless Fields names others. A table
// without a size column has records as long as its lines.
const (
	DefaultKeyColumn = "key"
	sizeColumn       = "size"
)

// columns are where a comma-separated table has what.
type columns struct {
	key, time, size int // size is -1 if there is none
	width           int
}

// columnsOf reads a line that names the columns of a table, and reports whether
// it does. A key and a time have to be among them.
func (f Fields) columnsOf(line []byte) (columns, bool) {
	if f.Key == "" {
		f.Key = DefaultKeyColumn
	}
	f = f.withDefaults()
	names, err := splitCells(string(line))
	if err != nil {
		return columns{}, false
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	c := columns{
		key: slices.Index(names, f.Key), time: slices.Index(names, f.Time), size: slices.Index(names, sizeColumn), width: len(names),
	}
	return c, c.key >= 0 && c.time >= 0
}

// parse reads a line of the table. The time is as in JSON lines.
func (c columns) parse(line []byte) (Event, error) {
	cells, err := splitCells(string(line))
	if err != nil {
		return Event{}, err
	}
	if len(cells) != c.width {
		return Event{}, fmt.Errorf("%d columns; the first line names %d", len(cells), c.width)
	}
	e := Event{Key: cells[c.key], Raw: line, Size: len(line)}
	if err := checkKey(e.Key); err != nil {
		return Event{}, err
	}
	if e.Time, err = parseTime(strings.TrimSpace(cells[c.time])); err != nil {
		return Event{}, err
	}
	if c.size < 0 {
		return e, nil
	}
	text := strings.TrimSpace(cells[c.size])
	if e.Size, err = strconv.Atoi(text); err != nil || e.Size < 0 || e.Size > weir.MaxRecordBytes {
		return Event{}, fmt.Errorf("size %s is not a number of bytes from 0 to %d", strconv.Quote(shorten(text)), weir.MaxRecordBytes)
	}
	return e, nil
}

// splitCells splits a line at its commas, but for those in quotes.
func splitCells(line string) ([]string, error) {
	if !strings.Contains(line, `"`) {
		return strings.Split(line, ","), nil
	}
	cells, err := csv.NewReader(strings.NewReader(line)).Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("column %d: %w", bad.Column, bad.Err)
	}
	return cells, err
}

// parseTime reads a time as in RFC 3339, or a number of seconds or milliseconds
// since 1970.
func parseTime(text string) (time.Time, error) {
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		at, err := timeOfNumber(n)
		if err != nil {
			return at, fmt.Errorf("time %s: %w", text, err)
		}
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("time %s is neither as in RFC 3339 nor a number", strconv.Quote(shorten(text)))
	}
	return at.UTC(), nil
}

// isObject reports whether a line begins as a JSON object does.
func isObject(line []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(line), []byte("{")) }

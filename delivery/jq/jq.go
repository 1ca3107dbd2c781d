// Package jq partitions, filters and transforms the records of a delivery by
// expressions of jq, as the service's metadata extraction does by jq 1.6.
//
// The records are JSON texts, one each. An expression cannot read other records,
// files or the environment, and is given up on a record when it takes more than
// [Config] allows. What differs from jq itself is in the documentation of
// github.com/itchyny/gojq, which runs it: whole numbers keep all their digits,
// and objects have their names in order.
package jq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/itchyny/gojq"
	"github.com/weirstream/weir"
)

// A Config bounds what an expression may take of one record. The zero Config is
// the default.
//
// It is looked at between two steps. A step is one instruction of the compiled
// expression, and most take less than a microsecond; but one can sort an array
// or repeat a text, so an expression should not do that as often as a record
// says.
type Config struct {
	// MaxSteps is how many steps it may take. Zero means [DefaultMaxSteps].
	MaxSteps int
	// MaxTime is for how long it may run. Zero means [DefaultMaxTime].
	MaxTime time.Duration
}

// What a Config means by zero.
const (
	DefaultMaxSteps = 1_000_000
	DefaultMaxTime  = time.Second
)

// Errors of expressions that take too much of a record.
var (
	ErrTooManySteps = errors.New("the expression takes too many steps")
	ErrTooLong      = errors.New("the expression takes too long")
)

// A query is a compiled expression.
type query struct {
	code   *gojq.Code
	config Config
}

// compile returns the expression also as it was parsed.
func compile(expression string, c Config) (*query, *gojq.Query, error) {
	if c.MaxSteps == 0 {
		c.MaxSteps = DefaultMaxSteps
	}
	if c.MaxTime == 0 {
		c.MaxTime = DefaultMaxTime
	}
	switch {
	case c.MaxSteps < 0:
		return nil, nil, &weir.ArgumentError{Field: "MaxSteps", Reason: fmt.Sprintf("%d is negative", c.MaxSteps)}
	case c.MaxTime < 0:
		return nil, nil, &weir.ArgumentError{Field: "MaxTime", Reason: fmt.Sprintf("%v is negative", c.MaxTime)}
	}
	parsed, err := gojq.Parse(expression)
	if err != nil {
		return nil, nil, &weir.ArgumentError{Field: "expression", Reason: where(err) + err.Error()}
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, nil, &weir.ArgumentError{Field: "expression", Reason: err.Error()}
	}
	return &query{code, c}, parsed, nil
}

// where tells at which place of the expression the error is, if it knows.
func where(err error) string {
	var parse *gojq.ParseError
	if errors.As(err, &parse) {
		return fmt.Sprintf("at byte %d: ", parse.Offset)
	}
	return ""
}

// run calls yield with each value that the expression makes of a record, until
// it returns an error.
func (q *query) run(ctx context.Context, data []byte, yield func(v any) error) error {
	record, err := decode(data)
	if err != nil {
		return err
	}
	bound := &budget{Context: ctx, steps: q.config.MaxSteps, end: time.Now().Add(q.config.MaxTime)}
	values := q.code.RunWithContext(bound, record)
	for {
		v, ok := values.Next()
		if !ok {
			return nil
		}
		err, failed := v.(error)
		if !failed {
			err = yield(v)
		}
		if err != nil {
			return err
		}
	}
}

func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if err == io.EOF {
			err = errors.New("there is nothing")
		}
		return nil, fmt.Errorf("the record is not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("the record has more than one JSON value")
	}
	return v, nil
}

// A budget is a context that ends after so many steps: gojq asks before each
// whether its context is done.
type budget struct {
	context.Context
	steps int
	end   time.Time
	err   error
}

// closed is the channel of a context that is done.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (b *budget) Done() <-chan struct{} {
	b.steps--
	switch {
	case b.err != nil:
	case b.steps < 0:
		b.err = ErrTooManySteps
	case b.steps%1024 == 0 && time.Now().After(b.end):
		b.err = ErrTooLong
	default:
		return b.Context.Done()
	}
	return closed
}

func (b *budget) Err() error {
	if b.err != nil {
		return b.err
	}
	return b.Context.Err()
}

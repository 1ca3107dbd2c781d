package jq

import (
	"bytes"
	"context"

	"github.com/itchyny/gojq"
	"github.com/weirstream/weir/delivery"
)

// NewTransform returns a transform that delivers what an expression makes of a
// record, in place of the record:
//
//   - one value is its data, as JSON without white space;
//   - of several, each stands on a line of its own;
//   - a record of which it makes none is dropped, as by select(.level == "error");
//   - an error, also that the record is not JSON, sends the record to the error
//     output, with the code "JQ.Failed".
//
// With raw, a string is delivered as it is, without quotes, as jq -r does: for
// @csv and @tsv.
func NewTransform(expression string, raw bool, c Config) (delivery.Transform, error) {
	q, _, err := compile(expression, c)
	if err != nil {
		return nil, err
	}
	return &transform{q, raw}, nil
}

type transform struct {
	query *query
	raw   bool
}

func (t *transform) Transform(ctx context.Context, records []delivery.Record) ([]delivery.Result, error) {
	results := make([]delivery.Result, len(records))
	for i := range records {
		results[i] = t.one(ctx, records[i].Data)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (t *transform) one(ctx context.Context, data []byte) delivery.Result {
	var out bytes.Buffer
	n := 0
	err := t.query.run(ctx, data, func(v any) error {
		if n++; n > 1 {
			out.WriteByte('\n')
		}
		if s, ok := v.(string); ok && t.raw {
			out.WriteString(s)
			return nil
		}
		b, err := gojq.Marshal(v)
		out.Write(b)
		return err
	})
	switch {
	case err != nil:
		return delivery.Result{Status: delivery.ProcessingFailed, Code: "JQ.Failed", Message: err.Error()}
	case n == 0:
		return delivery.Result{Status: delivery.Dropped}
	}
	return delivery.Result{Data: out.Bytes()}
}

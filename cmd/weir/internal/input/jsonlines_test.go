package input_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

func TestFields_ParseJSON(t *testing.T) {
	tests := []struct {
		name, line string
		fields     input.Fields
		want       input.Event
	}{
		{
			"the default fields",
			`{"client":"c","time":"2026-03-02T10:00:05+01:00","status":503,"page":"/a?b"}`, input.Fields{},
			input.Event{Key: "c", Time: at(9, 0, 5), Status: 503, Page: "/a"},
		},
		{
			"chosen ones, one within another, a number as key",
			`{"user":{"id":17},"ts":1772442005.5}`, input.Fields{Key: "user.id", Time: "ts"},
			input.Event{Key: "17", Time: at(9, 0, 5).Add(500 * time.Millisecond)},
		},
		{
			"a dot in a name, milliseconds",
			`{"a.b":"x","time":1772442005250}`, input.Fields{Key: "a.b"},
			input.Event{Key: "x", Time: at(9, 0, 5).Add(250 * time.Millisecond)},
		},
		{
			"a status in quotes, and one that is no number",
			`{"client":"é","time":0,"status":"200","page":{"x":1}}`, input.Fields{},
			input.Event{Key: "é", Time: time.Unix(0, 0).UTC(), Status: 200},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Raw, tt.want.Size = []byte(tt.line), len(tt.line)
			got, err := tt.fields.ParseJSON([]byte(tt.line))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFields_ParseJSONRejects(t *testing.T) {
	tests := []struct{ line, reason string }{
		{`[1]`, "not a JSON object"},
		{`{"client":"c"`, "not a JSON object"},
		{`{"client":"c","time":0} x`, "not a JSON object"},
		{`{"time":0}`, `there is no field "client" for the key`},
		{`{"client":null,"time":0}`, "is empty or neither a string nor a number"},
		{`{"client":"","time":0}`, "is empty or neither a string nor a number"},
		{`{"client":"` + strings.Repeat("é", 257) + `","time":0}`, "the key has 257 characters; at most 256 are allowed"},
		{`{"client":"c"}`, `there is no field "time" for the time`},
		{`{"client":"c","time":"yesterday"}`, `time "yesterday" is neither as in RFC 3339 nor a number`},
		{`{"client":"c","time":true}`, "is neither as in RFC 3339 nor a number"},
		{`{"client":"c","time":-1}`, "time -1: is out of range"},
		{`{"client":"c","time":1e14}`, "time 1e14: is out of range"},
	}
	for _, tt := range tests {
		_, err := input.Fields{}.ParseJSON([]byte(tt.line))
		assert.ErrorContains(t, err, tt.reason, tt.line)
	}
	_, err := input.Fields{}.ParseJSON([]byte(`{"client":"` + strings.Repeat("é", 256) + `","time":0}`))
	assert.NoError(t, err)
}

package input_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/input"
)

// at is a time on the day that the lines of the tests are from.
func at(hour, minute, second int) time.Time {
	return time.Date(2026, time.March, 2, hour, minute, second, 0, time.UTC)
}

func TestParseCombined_lines(t *testing.T) {
	tests := []struct {
		name, line string
		want       input.Event
	}{
		{
			"plain",
			`192.0.2.1 - - [02/Mar/2026:09:00:05 +0000] "GET /a/b HTTP/1.1" 200 512 "https://example.com/" "Agent/1.0"`,
			input.Event{Key: "192.0.2.1", Time: at(9, 0, 5), Status: 200, Page: "/a/b"},
		},
		{
			"IPv6, a user, no size, a query",
			`2001:db8::7 - alice [02/Mar/2026:09:00:05 +0000] "GET /a?x=1&y=? HTTP/2.0" 304 - "-" "-"`,
			input.Event{Key: "2001:db8::7", Time: at(9, 0, 5), Status: 304, Page: "/a"},
		},
		{
			"another zone",
			`h - - [02/Mar/2026:09:00:05 -0130] "GET / HTTP/1.1" 200 1 "-" "-"`,
			input.Event{Key: "h", Time: at(10, 30, 5), Status: 200, Page: "/"},
		},
		{
			"escaped quotes",
			`h - - [02/Mar/2026:09:00:05 +0000] "GET /\"q\" HTTP/1.1" 404 1 "-" "say \"hi\" \\"`,
			input.Event{Key: "h", Time: at(9, 0, 5), Status: 404, Page: `/\"q\"`},
		},
		{
			"a request that is none",
			`h - - [02/Mar/2026:09:00:05 +0000] "-" 408 0 "-" "-"`,
			input.Event{Key: "h", Time: at(9, 0, 5), Status: 408, Page: "-"},
		},
		{
			"fields after the user agent",
			`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 1 "-" "-" 0.012 "x"`,
			input.Event{Key: "h", Time: at(9, 0, 5), Status: 200, Page: "/"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Raw, tt.want.Size = []byte(tt.line), len(tt.line)
			got, err := input.ParseCombined([]byte(tt.line))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestParseCombined_rejects(t *testing.T) {
	tests := []struct{ line, reason string }{
		{`word`, "nothing follows the client"},
		{` - - [02/Mar/2026:09:00:05 +0000]`, "the key is empty"},
		{`h - - 02/Mar/2026:09:00:05`, "there is no time in brackets"},
		{`h - - [02/Mar/2026:09:00:05 +0000`, "the time has no closing bracket"},
		{`h - - [31/Feb/2026:09:00:05 +0000] "GET /" 200 1 "-" "-"`, `time "31/Feb/2026:09:00:05 +0000" is not of the form`},
		{`h - - [02/Mar/2026:09:00:05 +0000] GET`, "the request is not in quotes"},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1`, "the request has no closing quote"},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 20 1 "-" "-"`, `status "20" is not a number from 100 to 999`},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 099 1 "-" "-"`, `status "099" is not`},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 x "-" "-"`, `size "x" is neither a number nor -`},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 1`, "there is no referer"},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 1 "-`, "the referer has no closing quote"},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 1 "-"`, "the user agent is not in quotes"},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 1 "-" "cut off`, "the user agent has no closing quote"},
		{`h - - [02/Mar/2026:09:00:05 +0000] "GET / HTTP/1.1" 200 1 "-" "cut off\"`, "the user agent has no closing quote"},
		{"\xff\xfe - - [02/Mar/2026:09:00:05 +0000]", "is not UTF-8"},
	}
	for _, tt := range tests {
		_, err := input.ParseCombined([]byte(tt.line))
		assert.ErrorContains(t, err, tt.reason, tt.line)
	}
}

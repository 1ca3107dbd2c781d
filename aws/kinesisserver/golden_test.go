package kinesisserver_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// A step of a golden file: a request, and the response to it. In a file a step
// is
//
//	> Operation
//	{"the":"body"}
//	< 200 application/x-amz-json-1.1
//	{"the":"response"}
//
// and before it may stand lines that begin with #: comments, and "# advance
// 5s", which sets the clock. ${NAME} in a body is the member of that name of
// the response that had it last.
type step struct {
	comments []string
	op       string
	body     string
	status   string
	response string
}

func parseGolden(t *testing.T, text string) (steps []step) {
	var cur *step
	var comments []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
			comments = append(comments, line)
		case strings.HasPrefix(line, "> "):
			steps = append(steps, step{comments: comments, op: line[2:]})
			cur, comments = &steps[len(steps)-1], nil
		case strings.HasPrefix(line, "< "):
			cur.status = line[2:]
		case line == "":
		case cur.status == "":
			cur.body += line
		default:
			cur.response += line
		}
	}
	require.NotEmpty(t, steps)
	return steps
}

func formatGolden(steps []step) string {
	var b strings.Builder
	for i, st := range steps {
		if i > 0 {
			b.WriteString("\n")
		}
		for _, c := range st.comments {
			fmt.Fprintln(&b, c)
		}
		fmt.Fprintf(&b, "> %s\n%s\n< %s\n", st.op, st.body, st.status)
		if st.response != "" {
			fmt.Fprintln(&b, st.response)
		}
	}
	return b.String()
}

// The files in testdata/golden are what the server answers, to the byte. Each
// is also called in CBOR, which must say the same.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	operations := make(map[string]bool)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			steps := parseGolden(t, string(text))
			runGolden(t, steps)
			for _, st := range steps {
				operations[st.op] = true
			}
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(formatGolden(steps)), 0o644))
				return
			}
			assert.Equal(t, string(text), formatGolden(steps))
		})
	}
	if !t.Failed() {
		assert.Len(t, operations, 44, "all but SubscribeToShard")
	}
}

// runGolden calls the steps on two servers, one in each protocol, and fills in
// the responses in JSON.
func runGolden(t *testing.T, steps []step) {
	accounts := account.Config{CallRates: account.CallRates{Factor: -1}}
	inJSON, inCBOR := newServerOf(t, accounts), newServerOf(t, accounts)
	members := make(map[string]any)
	for i := range steps {
		st := &steps[i]
		for _, c := range st.comments {
			if d, ok := strings.CutPrefix(c, "# advance "); ok {
				by, err := time.ParseDuration(d)
				require.NoError(t, err)
				inJSON.clock.Advance(by)
				inCBOR.clock.Advance(by)
			}
		}
		body := os.Expand(st.body, func(name string) string { return fmt.Sprint(members[name]) })
		r, other := inJSON.call(st.op, body), inCBOR.callCBOR(st.op, body)
		st.status = fmt.Sprintf("%d %s", r.status, r.header.Get("Content-Type"))
		st.response = string(r.body)
		assert.Equal(t, r.status, other.status, "%s %s", st.op, body)
		assert.Equal(t, len(r.body) == 0, len(other.body) == 0)
		if len(r.body) > 0 {
			collect(members, r.json(t))
			assert.Equal(t, r.json(t), fromCBOR(t, other.body), "%s %s", st.op, body)
		}
	}
}

// collect remembers the texts in a response.
func collect(members map[string]any, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name := range maps.Keys(v) {
			if _, ok := v[name].(string); ok {
				members[name] = v[name]
			}
			collect(members, v[name])
		}
	case []any:
		for _, item := range v {
			collect(members, item)
		}
	}
}

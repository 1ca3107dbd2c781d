package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// noEnv is an empty environment.
func noEnv(string) string { return "" }

// weir runs a command line with text as its standard input.
func weir(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = cli.Run(t.Context(), args, noEnv, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

// accessLog has 6 lines: 4 events, one cut off, and one that is blank.
const accessLog = `2001:db8::7 - - [02/Mar/2026:09:00:05 +0000] "GET /a HTTP/1.1" 200 512 "-" "Agent/1.0"
192.0.2.1 - - [02/Mar/2026:09:00:59 +0000] "GET /b?x HTTP/1.1" 404 - "-" "say \"hi\""

192.0.2.1 - - [02/Mar/2026:09:00:07 +0000] "GET /a HTTP/1.1" 503 12 "-" "Agent/1.0"
192.0.2.2 - - [02/Mar/2026:09:01:00 +0000] "GET /a HTTP/1.1" 200 12 "-" "cut
192.0.2.2 - - [02/Mar/2026:09:01:00 +0000] "GET /c HTTP/1.1" 200 12 "-" "Agent/1.0"`

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	return name
}

// demoJSON runs a demo that must succeed and returns its JSON object.
func demoJSON(t *testing.T, stdin string, args ...string) map[string]any {
	t.Helper()
	status, out, errs := weir(t, stdin, append([]string{"demo", "--json"}, args...)...)
	require.Zero(t, status, errs)
	assert.Empty(t, errs, "no progress when piped")
	var result map[string]any
	decoder := json.NewDecoder(strings.NewReader(out))
	require.NoError(t, decoder.Decode(&result))
	_, err := decoder.Token()
	require.ErrorIs(t, err, io.EOF, "one object")
	return result
}

func TestDemo_generated(t *testing.T) {
	r := demoJSON(t, "", "--events", "3000", "--limits", "none", "--shards", "3", "--seed", "9")
	assert.EqualValues(t, 3000, r["records_in"])
	assert.EqualValues(t, 3000, r["records_out"])
	assert.EqualValues(t, 0, r["order_violations"])
	assert.EqualValues(t, 0, r["rejected"])
	assert.Equal(t, "generated clickstream, seed 9", r["input"])
	assert.Len(t, r["shards"], 3)
}

func TestDemo_accessLog(t *testing.T) {
	for name, args := range map[string][]string{"file": {"--input", writeFile(t, accessLog)}, "stdin": {"--input", "-"}} {
		t.Run(name, func(t *testing.T) {
			r := demoJSON(t, accessLog, args...)
			assert.EqualValues(t, 4, r["records_in"])
			assert.EqualValues(t, 4, r["records_out"])
			assert.EqualValues(t, 1, r["rejected"])
			assert.Equal(t, []any{map[string]any{
				"line": 5.0, "reason": "the user agent has no closing quote",
				"text": `192.0.2.2 - - [02/Mar/2026:09:01:00 +0000] "GET /a HTTP/1.1"…`,
			}}, r["rejections"])
			assert.Equal(t, []any{
				map[string]any{"start": "2026-03-02T09:00:00Z", "events": 3.0, "statuses": map[string]any{"200": 1.0, "404": 1.0, "503": 1.0}},
				map[string]any{"start": "2026-03-02T09:01:00Z", "events": 1.0, "statuses": map[string]any{"200": 1.0}},
			}, r["minutes"])
		})
	}
}

func TestDemo_jsonLines(t *testing.T) {
	lines := `{"user":{"id":1},"at":1772442005,"status":200,"page":"/"}
{"user":{},"at":1772442005}
{"user":{"id":1},"at":"2026-03-02T09:00:07Z"}
`
	r := demoJSON(t, lines, "--input", "-", "--key", "user.id", "--time", "at")
	assert.EqualValues(t, 2, r["records_in"])
	assert.EqualValues(t, 1, r["rejected"])
	assert.Equal(t, "JSON lines", r["format"])
}

func TestDemo_emptyInput(t *testing.T) {
	r := demoJSON(t, "", "--input", "-")
	assert.EqualValues(t, 0, r["records_in"])
	assert.Equal(t, true, r["complete"])
}

func TestDemo_table(t *testing.T) {
	status, out, errs := weir(t, accessLog, "demo", "--input", "-")
	require.Zero(t, status, errs)
	assert.Empty(t, errs)
	for _, want := range []string{"shardId-000000000003", "Hot keys", "2001:db8::7", "line 5: the user agent", "COMPLETE: every record"} {
		assert.Contains(t, out, want)
	}
}

func TestDemo_report(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte("old"), 1<<20), 0o644))
	status, _, errs := weir(t, "", "demo", "--events", "100", "--report", name)
	require.Zero(t, status, errs)
	page, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(page), "<!doctype html>"))
	assert.True(t, strings.HasSuffix(string(page), "</html>\n"), "nothing of the old page is left")
}

func TestDemo_errors(t *testing.T) {
	log := writeFile(t, accessLog)
	tests := []struct {
		args string
		want string
	}{
		{"--shards 0", `invalid argument "0" for "--shards" flag: must be a number from 1 to 1024`},
		{"--shards 1025", `invalid argument "1025" for "--shards" flag`},
		{"--producers x", `invalid argument "x" for "--producers" flag: must be a number from 1 to 256`},
		{"--events -1", `invalid argument "-1" for "--events" flag: must be a number from 0 to 1000000000`},
		{"--seed -1", `invalid argument "-1" for "--seed" flag: must be a number from 0`},
		{"--speed -3", `invalid argument "-3" for "--speed" flag: must be "max" or a number greater than 0`},
		{"--speed NaN", `invalid argument "NaN" for "--speed" flag`},
		{"--limits foo", `invalid argument "foo" for "--limits" flag: must be "service" or "none"`},
		{"--nope", "unknown flag: --nope"},
		{"more", `unexpected argument "more"`},
		{"--input", "flag needs an argument: --input"},
		{"--input=", "--input is empty"},
		{"--input /no/such/file", "--input: open /no/such/file: no such file or directory"},
		{"--input " + filepath.Dir(log), "is a directory"},
		{"--input " + log + " --key x", "fields can be chosen in JSON lines and tables only"},
		{"--input " + log + " --events 5", "--events is about events that are made up"},
		{"--input " + log + " --report " + log, "would overwrite " + log},
		{"--key x", "--key is about the lines of --input, which is missing"},
		{"--report /no/such/dir/x.html", "--report: open /no/such/dir/x.html"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			status, out, errs := weir(t, "", append([]string{"demo"}, strings.Fields(tt.args)...)...)
			assert.Equal(t, 1, status)
			assert.Empty(t, out)
			assert.Contains(t, errs, tt.want)
			assert.True(t, strings.HasPrefix(errs, "weir demo: "), errs)
		})
	}
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Equal(t, accessLog, string(text), "the input is untouched")
}

func TestDemo_unreadableFormat(t *testing.T) {
	for _, text := range []string{"\x00\x01\xff\n\x7fELF", "a,b,c\n1,2,3\n", "{\"x\":1}\n{}\n", strings.Repeat("x", 1<<20)} {
		status, out, errs := weir(t, text, "demo", "--input", "-")
		assert.Equal(t, 1, status)
		assert.Empty(t, out)
		assert.Contains(t, errs, "standard input: unreadable format")
		assert.Contains(t, errs, "line 1: ")
	}
}

func TestDemo_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stdin, feed := io.Pipe() // never ends, as a terminal
	defer feed.Close()
	go func() {
		_, _ = io.WriteString(feed, accessLog+"\n")
		cancel() // the lines have been taken, not necessarily put
	}()
	var out, errs bytes.Buffer
	status := cli.Run(ctx, []string{"demo", "--input", "-"}, noEnv, stdin, &out, &errs)
	assert.Equal(t, 130, status)
	assert.Contains(t, errs.String(), "weir demo: interrupted")
}

func TestRun_help(t *testing.T) {
	for args, want := range map[string]string{
		"": "serve", "--help": "demo", "demo --help": "--events", "serve --help": "WEIR_LISTEN",
	} {
		status, out, errs := weir(t, "", strings.Fields(args)...)
		assert.Zero(t, status)
		assert.Contains(t, out, want)
		assert.Empty(t, errs)
	}
	status, _, errs := weir(t, "", "nope")
	assert.Equal(t, 1, status)
	assert.Contains(t, errs, `unknown command "nope"`)
	_, _, errs = weir(t, "", "tial")
	assert.Contains(t, errs, `unknown command "tial"; is it tail?`)
}

// Help of all commands is of one form: what a flag takes has a name in capitals,
// defaults are those of the command, and flags come before a command to run.
func TestRun_helpIsOfOneForm(t *testing.T) {
	commands := []string{""}
	for n := 0; n < len(commands); n++ {
		name := commands[n]
		status, help, errs := weir(t, "", append(strings.Fields(name), "--help")...)
		require.Zero(t, status, errs)
		_, below, _ := strings.Cut(help, "\nAvailable Commands:\n")
		below, _, _ = strings.Cut(below, "\n\n")
		for line := range strings.Lines(below) {
			if sub := strings.Fields(line)[0]; sub != "help" && sub != "completion" {
				commands = append(commands, strings.TrimSpace(name+" "+sub))
			}
		}
		assert.NotRegexp(t, `--[a-z-]+ (u?int|float|string|duration)[A-Za-z0-9]* `, help, name)
		assert.NotContains(t, help, "(default [])", name)
		assert.NotRegexp(t, `COMMAND .*\[flags\]`, help, name)
		_, flags, _ := strings.Cut(help, "\nFlags:\n")
		flags, _, _ = strings.Cut(flags, "\n\n")
		assert.Regexp(t, `--help[^\n]*\n?( +-v, --version[^\n]*)?\n*$`, flags, "%s: --help is the last", name)
		for _, flag := range regexp.MustCompile(`default [^()]*(--[a-z-]+)`).FindAllStringSubmatch(help, -1) {
			assert.Regexp(t, `(?m)^ +(-., )?`+flag[1]+`\b`, help, "%s: a default that speaks of a flag of others", name)
		}
	}
	assert.Greater(t, len(commands), 20)
}

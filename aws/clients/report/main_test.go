package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// results writes lines to a file.
func results(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "results.jsonl")
	require.NoError(t, os.WriteFile(name, []byte(strings.Join(lines, "\n")), 0o644))
	return name
}

const (
	put    = `{"client":"a","version":"1.0","protocol":"JSON, h2c","operation":"PutRecord","pass":true}`
	put2   = `{"client":"a","version":"1.0","protocol":"JSON, HTTP/1.1","operation":"PutRecord","pass":true}`
	get    = `{"client":"a","version":"1.0","protocol":"JSON, h2c","operation":"GetRecords","pass":true}`
	failed = `{"client":"a","version":"1.0","protocol":"JSON, h2c","operation":"PutRecord","pass":false,"detail":"why"}`
	check  = `{"client":"b","version":"2.0","protocol":"CBOR","check":"waiters","pass":true}`
	theirs = `{"client":"c","version":"3.0","protocol":"-","suite":"a suite","check":"TestA","pass":true}`
	exempt = `{"client":"c","version":"3.0","protocol":"-","suite":"a suite","check":"TestB","exception":"wants c's own"}`
	tried  = `{"client":"c","version":"3.0","protocol":"-","suite":"a suite","check":"TestC","exception":"wants c's own","pass":true}`
	skip   = `{"client":"b","version":"2.0","protocol":"CBOR","check":"none","skip":true}`
)

func TestRun_table(t *testing.T) {
	out := filepath.Join(t.TempDir(), "table.md")
	var w strings.Builder
	require.NoError(t, run([]string{results(t, put, put2, get), results(t, check)}, out, true, &w))
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Contains(t, string(text), `| operation | a<br>JSON, HTTP/1.1 | a<br>JSON, h2c |
|---|---|---|
| GetRecords |  | pass |
| PutRecord | pass | pass |
`)
	assert.Contains(t, string(text), "### b\n\n| check | CBOR |\n|---|---|\n| waiters | pass |\n")
	assert.Contains(t, w.String(), "a                            3 passed, 0 failed, 0 skipped\n")
	assert.Contains(t, w.String(), "all                          4 passed, 0 failed, 0 skipped\n")
}

func TestRun_suites(t *testing.T) {
	out := filepath.Join(t.TempDir(), "table.md")
	var w strings.Builder
	require.NoError(t, run([]string{results(t, put), results(t, theirs, exempt)}, out, true, &w))
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Contains(t, string(text), "| c 3.0 | a suite | 2 | 1 | 1 |\n")
	assert.Contains(t, string(text), "| does not pass | because it |\n|---|---|\n| `TestB` | wants c's own |\n")
	assert.NotContains(t, string(text), "| c | 3.0 |", "it is no client")
	assert.Contains(t, w.String(), "c                            1 passed, 0 failed, 0 skipped, 1 exceptions\n")
}

func TestRun_orderDoesNotMatter(t *testing.T) {
	first, err := read(results(t, put, get, put2))
	require.NoError(t, err)
	second, err := read(results(t, put2, put, get))
	require.NoError(t, err)
	assert.Equal(t, document(first), document(second))
}

func TestRun_failures(t *testing.T) {
	for _, row := range []struct {
		name   string
		lines  []string
		strict bool
		want   string
	}{
		{"a failure", []string{put, failed}, false, "1 failed"},
		{"a failure before a pass", []string{failed, put, get}, false, "1 failed"},
		{"a skip", []string{put, skip}, false, ""},
		{"a skip where nothing may be", []string{put, skip}, true, "1 skipped where nothing may be"},
		{"an exception", []string{put, exempt}, true, ""},
		{"an exception that passes", []string{put, exempt, tried}, true, "1 failed"},
		{"nothing", nil, false, "nothing passed"},
	} {
		var w strings.Builder
		err := run([]string{results(t, row.lines...)}, "", row.strict, &w)
		if row.want == "" {
			assert.NoError(t, err, row.name)
		} else {
			assert.EqualError(t, err, row.want, row.name)
		}
	}
}

package cli_test

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// workloadDocs is the page about workloads, and readyMade where it tells of
// those that are ready-made.
const (
	workloadDocs = "../../../../docs/workloads.md"
	readyMade    = "\n## The ready-made ones\n"
)

// docsOf returns the page in two parts.
func docsOf(t *testing.T) (language, ready string) {
	t.Helper()
	text, err := os.ReadFile(workloadDocs)
	require.NoError(t, err)
	language, ready, ok := strings.Cut(string(text), readyMade)
	require.True(t, ok)
	return language, ready
}

// rewrite makes the page say what the commands print now:
//
//	go test ./cmd/weir/internal/cli -run Docs -args -docs
var rewrite = flag.Bool("docs", false, "rewrite the figures in docs/workloads.md")

// What the page says that a command prints is what it prints, but for what it
// leaves out with "…" and the width of columns.
func TestDocs_showWhatCommandsPrint(t *testing.T) {
	language, ready := docsOf(t)
	blocks := strings.Split(ready, "```console\n$ weir ")
	require.Greater(t, len(blocks), 1)
	for i, block := range blocks[1:] {
		said, after, _ := strings.Cut(block, "```")
		command, _, _ := strings.Cut(said, "\n")
		t.Run(command, func(t *testing.T) {
			status, out, errs := weir(t, "", strings.Fields(command)...)
			require.Zero(t, status, errs)
			now := saidNow(t, said, out)
			if *rewrite {
				blocks[i+1] = now + "```" + after
				return
			}
			assert.Equal(t, collapse(said), collapse(now), "run the test with -args -docs if that is right")
		})
	}
	if *rewrite {
		text := language + readyMade + strings.Join(blocks, "```console\n$ weir ")
		require.NoError(t, os.WriteFile(workloadDocs, []byte(text), 0o644))
	}
}

// figure is a number, with what makes it wider or a time.
var figure = regexp.MustCompile(`[0-9][0-9,.]*([a-zµ]+[0-9.]*)*`)

// saidNow returns a block with its lines as they are in what a command printed:
// in their order, each the next one that differs in figures only.
func saidNow(t *testing.T, said, out string) string {
	t.Helper()
	shape := func(line string) string { return collapse(figure.ReplaceAllString(line, "0")) }
	rest := strings.Split(out, "\n")
	lines := strings.Split(said, "\n")
	for i, line := range lines[1:] {
		if line == "…" || line == "" {
			continue
		}
		at := slices.IndexFunc(rest, func(r string) bool {
			return shape(r) == shape(line) || strings.HasPrefix(line, "──") && strings.HasPrefix(r, "──")
		})
		require.GreaterOrEqual(t, at, 0, "nothing like %q in:\n%s", line, out)
		lines[i+1] = strings.TrimRight(rest[at], " ")
		rest = rest[at+1:]
	}
	return strings.Join(lines, "\n")
}

// collapse makes one space of several, and of a line under a header nothing.
func collapse(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "─", "")), " ")
}

// The page tells of each ready-made workload, and of each flag.
func TestDocs_areComplete(t *testing.T) {
	language, ready := docsOf(t)
	status, out, errs := weir(t, "", "workloads")
	require.Zero(t, status, errs)
	for line := range strings.Lines(out) {
		name, _, _ := strings.Cut(line, " ")
		assert.Contains(t, ready, "\n### "+name+"\n")
	}
	_, flags, ok := strings.Cut(language, "\n## The flags\n")
	require.True(t, ok)
	status, help, errs := weir(t, "", "cost", "--help")
	require.Zero(t, status, errs)
	_, help, _ = strings.Cut(help, "\nTraffic:\n")
	for line := range strings.Lines(help) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), " "); ok && strings.HasPrefix(name, "--") {
			assert.Contains(t, flags, "`"+name, "a row for %s", name)
		}
	}
}

func TestWorkloads_list(t *testing.T) {
	status, out, errs := weir(t, "", "workloads")
	require.Zero(t, status, errs)
	assert.Equal(t, 11, strings.Count(out, "\n"))
	assert.Contains(t, out, "hot-key                one tenant of many sends 45 % of the records, more than a shard takes\n")
	for line := range strings.Lines(out) {
		assert.LessOrEqual(t, len(line), 115)
	}
}

func TestWorkloads_printOne(t *testing.T) {
	status, out, errs := weir(t, "", "workloads", "iot")
	require.Zero(t, status, errs)
	assert.True(t, strings.HasPrefix(out, "# Twenty thousand meters"))
	status, out, errs = weir(t, out, "simulate", "-", "--duration", "1m", "--json")
	require.Zero(t, status, errs)
	assert.Contains(t, out, `"name": "iot"`, "what it prints can be run")
}

func TestWorkloads_errors(t *testing.T) {
	status, out, errs := weir(t, "", "workloads", "nope")
	assert.Equal(t, 1, status)
	assert.Empty(t, out)
	assert.Contains(t, errs, `weir workloads: no workload "nope"; there are burst-within-a-minute, clickstream,`)
	_, _, errs = weir(t, "", "workloads", "a", "b")
	assert.Contains(t, errs, `unexpected argument "b": one workload at a time`)
}

package cli_test

import (
	"flag"
	"os"
	"regexp"
	"runtime/debug"
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

// rewrite makes the pages say what the commands print now:
//
//	go test ./cmd/weir/internal/cli -run Docs -args -docs
var rewrite = flag.Bool("docs", false, "rewrite the figures in docs/")

// printed finds the blocks that begin with a command of weir.
var printed = regexp.MustCompile("(?ms)^```console\n\\$ weir .*?^```")

// What a page says that a command prints is what it prints, but for what it
// leaves out with "…" and the width of columns.
func TestDocs_showWhatCommandsPrint(t *testing.T) {
	pages := []string{"workloads", "cost"}
	if !raced() { // with the race detector it takes two minutes, and does nothing that the others do not
		pages = append(pages, "simulate")
	}
	for _, page := range pages {
		name := "../../../../docs/" + page + ".md"
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		blocks := 0
		now := printed.ReplaceAllStringFunc(string(text), func(block string) string {
			command, said := commandOf(strings.TrimSuffix(block, "```"))
			if strings.TrimSpace(said) == "" || strings.HasPrefix(said, "$ ") {
				return block // several commands, of which nothing is shown
			}
			blocks++
			t.Run(strings.Join(command, " "), func(t *testing.T) {
				status, out, errs := weir(t, "", command...)
				require.Zero(t, status, errs)
				is := saidNow(t, said, out)
				if *rewrite {
					block = strings.Replace(block, said, is, 1)
					return
				}
				assert.Equal(t, collapse(said), collapse(is), "run the test with -args -docs if that is right")
			})
			return block
		})
		assert.Positive(t, blocks, page)
		if *rewrite {
			require.NoError(t, os.WriteFile(name, []byte(now), 0o644))
		}
	}
}

// raced reports whether the race detector is at work.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// commandOf splits a block into the words of its command, which may go over several
// lines, and what it prints.
func commandOf(block string) (command []string, said string) {
	rest := strings.TrimPrefix(block, "```console\n")
	at := 0
	for {
		end := strings.IndexByte(rest[at:], '\n')
		at += end + 1
		if end < 0 || !strings.HasSuffix(rest[:at], "\\\n") {
			return commandsOf(rest[:at])[0], rest[at:]
		}
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
	for i, line := range lines {
		if at := strings.TrimSpace(line); at == "…" || at == "" {
			continue
		}
		at := slices.IndexFunc(rest, func(r string) bool {
			return shape(r) == shape(line) || strings.HasPrefix(line, "──") && strings.HasPrefix(r, "──")
		})
		require.GreaterOrEqual(t, at, 0, "nothing like %q in:\n%s", line, out)
		lines[i] = strings.TrimRight(rest[at], " ")
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
	counts := map[int]string{10: "ten", 11: "eleven", 12: "twelve", 13: "thirteen"}
	many := counts[strings.Count(out, "\n")] + " that are ready-made"
	readme, err := os.ReadFile("../../../../README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), "# "+many)
	assert.Contains(t, language, "# "+many)
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

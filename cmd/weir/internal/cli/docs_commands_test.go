package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// fenced finds the blocks of a page.
var fenced = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")

// begins finds where a command line of weir begins, after a prompt, settings of the
// environment, and what gets the program from a checkout.
var begins = regexp.MustCompile(`^(\$ )?([A-Z_]+=\S* )*(go run \./cmd/weir|weir) `)

// commandsOf returns the command lines of weir in a text, as words.
func commandsOf(text string) (commands [][]string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		for _, part := range piped(strings.TrimSpace(line)) {
			if at := begins.FindStringIndex(part + " "); at != nil {
				commands = append(commands, words(part[min(at[1], len(part)):]))
			}
		}
	}
	return commands
}

// piped splits a line at each | that stands by itself, and leaves out a comment and
// where the output goes.
func piped(line string) (parts []string) {
	begin := 0
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '|':
			parts = append(parts, strings.TrimSpace(line[begin:i]))
			begin = i + 1
		case (c == '#' || c == '>') && i > 0 && line[i-1] == ' ':
			return append(parts, strings.TrimSpace(line[begin:i]))
		}
	}
	return append(parts, strings.TrimSpace(line[begin:]))
}

// words splits a command as a shell does, without expanding anything.
func words(command string) (list []string) {
	var word strings.Builder
	quote, some := byte(0), false
	for i := 0; i < len(command); i++ {
		switch c := command[i]; {
		case c == quote && quote != 0:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, some = c, true
		case c == ' ':
			if some || word.Len() > 0 {
				list = append(list, word.String())
			}
			some = false
			word.Reset()
		default:
			word.WriteByte(c)
		}
	}
	if some || word.Len() > 0 {
		list = append(list, word.String())
	}
	return list
}

func TestWords(t *testing.T) {
	text := "$ weir put orders --key .a | tee x\n" +
		"seq 3 | weir put ./orders   # a comment\n" +
		"WEIR_X=1 weir a 'b | c' \\\n    \"d e\" '' > out.json\n" +
		"go run ./cmd/weir demo\nweirdly so\nkubectl weir x\n"
	assert.Equal(t, [][]string{
		{"put", "orders", "--key", ".a"}, {"put", "./orders"}, {"a", "b | c", "d e", ""}, {"demo"},
	}, commandsOf(text))
}

// Each command line of weir that a page or a help shows has a command, flags, values
// of flags and arguments that there are.
func TestDocs_commandsThatThereAre(t *testing.T) {
	texts := cli.HelpExamples()
	pages, err := filepath.Glob("../../../../docs/*.md")
	require.NoError(t, err)
	for _, page := range append(pages, "../../../../README.md", "../../../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
			texts[page] += block[1]
		}
	}
	of := func(name string) int { return len(commandsOf(texts[name])) }
	require.Positive(t, of("weir bench"))
	require.Greater(t, of("../../../../README.md"), 10)
	require.Greater(t, of("../../../../docs/delivery.md"), 4)
	for name, text := range texts {
		for _, command := range commandsOf(text) {
			if command[0] == "top" && len(command) > 1 && command[1][0] >= '0' && command[1][0] <= '9' {
				continue // its first line, not its command
			}
			assert.NoError(t, cli.Parse(command), "%s: weir %s", filepath.Base(name), strings.Join(command, " "))
		}
	}
	assert.ErrorContains(t, cli.Parse([]string{"simulate", "clickstream", "--sweeps", "1"}), "unknown flag")
	assert.Error(t, cli.Parse([]string{"bench", "--repeat", "x"}))
	assert.Error(t, cli.Parse([]string{"no-such-command"}))
	assert.Error(t, cli.Parse([]string{"simulate", "a", "b"}))
}

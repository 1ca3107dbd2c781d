package workfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/workfile"
	"github.com/weirstream/weir/workload"
)

const text = `# a comment
name: mine
duration: 90s # one more
records: 1e3
stream:
  shards: 2
traffic:
  - rate: 5/s
    keys:
      hot:
        - {key: "7", share: 0.25}
    sizes: 1KiB
  - rate: {wave: {low: 1, high: 2.50}}
    arrivals: 'poisson'
consumers:
  - fan_out: true
about: |
  Two
  lines.
`

// mine is what text says.
func mine() workload.Workload {
	return workload.Workload{
		Name: "mine", About: "Two\nlines.\n", Duration: workload.Duration(90 * time.Second), Records: 1000,
		Stream: workload.Stream{Shards: 2},
		Traffic: []workload.Traffic{
			{
				Rate: workload.Rate{Constant: 5}, Sizes: workload.Sizes{Fixed: 1024},
				Keys: workload.Keys{Hot: []workload.HotKey{{Key: "7", Share: 0.25}}},
			},
			{Rate: workload.Rate{Wave: &workload.Wave{Low: 1, High: 2.5}}, Arrivals: workload.Poisson},
		},
		Consumers: []workload.Consumer{{FanOut: true}},
	}
}

func TestParse(t *testing.T) {
	w, err := workfile.Parse("mine.yaml", []byte(text))
	require.NoError(t, err)
	assert.Equal(t, mine(), w)
}

func TestParse_JSONWithTabs(t *testing.T) {
	w, err := workfile.Parse("mine.json", []byte("{\n\t\"duration\": \"1m\",\n\t\"traffic\": [\n\t\t{\"rate\": 5, \"trace\": null}\n\t]\n}\n"))
	require.NoError(t, err)
	assert.Equal(t, workload.Rate{Constant: 5}, w.Traffic[0].Rate)
}

func TestParse_errorsNameLineAndField(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "x.yaml: is empty",
		"# nothing\n":             "x.yaml: is empty",
		"name: a\n---\nname: b\n": "x.yaml:3: a second document; a file has one workload",
		"name: a\nnam: b\n":       "x.yaml:2: nam: is unknown; did you mean name?",
		"name: a\nduration: 1m\ntraffic:\n  - rate: 5\n    sizes:\n      fixed: x\n": `x.yaml:6: traffic[0].sizes.fixed: "x" is no size`,
		"duration: 1m\ntraffic:\n- rate: 5\n- {}\n":                                  "x.yaml:4: traffic[1].rate: is missing",
		"duration: 1m\n":                             "x.yaml: traffic: is missing: a workload needs at least one",
		"name: a\n\nname: b\n":                       "x.yaml:3: ",
		"name: [a\n":                                 "x.yaml:1: ",
		"name: a\n bad: - b\n":                       "x.yaml:1: ",
		"traffic: &a\n  - rate: 5\n":                 "x.yaml:1: anchors, aliases and merges are not read here",
		"duration: 1m\ntraffic: *a\n":                "x.yaml:2: ",
		"duration: 1m\nstream:\n  <<: {shards: 1}\n": "x.yaml:3: anchors, aliases and merges are not read here",
		"duration: !!str 5\n":                        "x.yaml:1: tags such as !!str are not read here",
		"duration: 1m\nrecords: .inf\n":              "x.yaml:2: .inf is neither text, nor a number",
		"- a\n":                                      "expected an object, found a list",
		"just text":                                  "expected an object, found",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "nested more than 64 deep",
		"{\"name\":\n1}": "x.yaml:1: name: expected text, found \"1\"",
		"traffic:\n  - keys: {file: nope}\n    rate: 5\nduration: 1m": "x.yaml:2: traffic[0].keys.file: nope: open nope: no such file",
	} {
		_, err := workfile.Parse("x.yaml", []byte(text))
		assert.ErrorContains(t, err, want, "%q", text)
		if err != nil {
			assert.NotContains(t, err.Error(), "\n")
		}
	}
}

// What is nested is refused before it is parsed: 40 kB of brackets took 2.5 GB, and
// more of them all there is.
func TestParse_deepNestingCostsNothing(t *testing.T) {
	for _, text := range []string{"[", "{a: ", "- ", "? "} {
		for _, before := range []string{"", "# a\na: ", "a: ]]]", "- - a\n- "} {
			_, err := workfile.Parse("x.yaml", []byte(before+strings.Repeat(text, 10_000)))
			assert.ErrorContains(t, err, ": nested more than 64 deep", "%q and many %q", before, text)
		}
	}
	wide := "traffic:\n" + strings.Repeat("- {rate: 5, keys: {count: 1}}\n", 100) + "duration: 1m\n"
	w, err := workfile.Parse("x.yaml", []byte(wide))
	require.NoError(t, err)
	assert.Len(t, w.Traffic, 100)
}

func TestLoad_findsFilesBesideItsOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	write("keys.txt", "a\nb\t3\n")
	path := write("w.yml", "duration: 1m\ntraffic:\n- {rate: 1, keys: {file: keys.txt}}\n- trace: {file: log/access.log}\n- trace: {file: /abs.log}\n- trace: {file: '-'}\n")
	w, err := workfile.Load(path, nil)
	require.NoError(t, err)
	assert.Equal(t, workload.Keys{Weighted: []workload.WeightedKey{{Key: "a", Weight: 1}, {Key: "b", Weight: 3}}}, w.Traffic[0].Keys)
	assert.Equal(t, filepath.Join(dir, "log/access.log"), w.Traffic[1].Trace.File)
	assert.Equal(t, "/abs.log", w.Traffic[2].Trace.File)
	assert.Equal(t, "-", w.Traffic[3].Trace.File, "standard input")
}

func TestLoad_standardInput(t *testing.T) {
	w, err := workfile.Load(workfile.Stdin, strings.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, mine(), w)
	_, err = workfile.Load(workfile.Stdin, strings.NewReader("name: 5"))
	assert.ErrorContains(t, err, `standard input:1: name: expected text, found "5"`)
	_, err = workfile.Load(workfile.Stdin, strings.NewReader(strings.Repeat("#", workfile.MaxBytes+1)))
	assert.EqualError(t, err, "standard input: is larger than 67108864 bytes")
}

func TestLoad_readyMade(t *testing.T) {
	for _, name := range workfile.Names() {
		w, err := workfile.Load(name, nil)
		require.NoError(t, err)
		assert.Equal(t, name, w.Name)
	}
	_, err := workfile.Load("clickstreams", nil)
	assert.ErrorContains(t, err, `no workload "clickstreams": neither a file ending in .yaml, .yml or .json, nor one of`)
	_, err = workfile.Load("./clickstream", nil)
	assert.ErrorContains(t, err, "open ./clickstream: ", "a path is a file")
}

// Whatever a file holds, it is a workload that is valid or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(text))
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("{\"a\": 1e999, ? b : c}"))
	f.Add([]byte("- !!binary x\n- <<: 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if w, err := workfile.Parse("x", text); err == nil {
			assert.NoError(t, w.Validate())
		}
	})
}

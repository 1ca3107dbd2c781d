package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// small are the rules of the made-up engine in testdata/sound.
var small = rules{
	belowRoot:      map[string]string{"internal/twins": "a test kit"},
	aboveRoot:      map[string]string{"client": "the way to the engine"},
	leaves:         []string{"metrics"},
	families:       map[string]string{"Config": "stream.go"},
	testFiles:      []string{"example_test.go"},
	commentColumns: 80, fileLines: 34, functionLines: 30,
}

// made loads the made-up engine, with what lies in testdata/broken put over it.
func made(t *testing.T, broken ...string) *tree {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "sound"))))
	for _, name := range broken {
		from := filepath.Join("testdata", "broken", name)
		require.NoError(t, filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			to := filepath.Join(dir, path[len(from):])
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return os.WriteFile(to, text, 0o644)
		}))
	}
	tree, err := load(dir)
	require.NoError(t, err)
	return tree
}

func TestCheck_soundBreaksNothing(t *testing.T) {
	t.Parallel()
	for _, r := range made(t).check(small) {
		assert.False(t, r.broken, "%s: %v", r.rule, r.places)
	}
}

func TestCheck_eachRuleBrokenOnce(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string][]string{
		"shard": {"a shard knows no stream": {
			"shard.go:12: shard.add calls Stream.Forgotten",
			"shard.go:12: shard.add uses stream, which is a Stream",
			"shard.go:7: type shard names Stream",
			"stream_shards.go:4: shard.firstStream names Stream",
			"stream_shards.go:4: shard.firstStream uses of, which is a Stream",
		}},
		"internal": {"nothing below internal/ knows the root": {
			"internal/part/part_test.go:6: imports example.com/weir",
		}},
		"leaf": {"metrics imports nothing of ours": {
			"metrics/metrics.go:4: imports example.com/weir/internal/part",
		}},
		"client": {"what stands on streams takes them from client": {
			"producer/producer.go:4: imports example.com/weir",
		}},
		"family": {"an exported type is in the file of its name or of its family": {
			"put.go:7: type Page belongs into page.go",
		}},
		"long": {
			"no file over 34 lines":     {"long.go: 35 lines"},
			"no function over 30 lines": {"long.go:4: long has 32 lines"},
		},
		"document": {"documents name tests and files that there are": {
			"docs/promises.md:3: there is no TestStream_forgets",
			"docs/promises.md:4: there is no memory.go",
			"docs/promises.md:5: there is no TestStream_remembers",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(map[string][]string)
			for _, r := range made(t, name).check(small) {
				if r.broken {
					assert.NotEmpty(t, r.note, "a broken rule says what to do")
					got[r.rule] = r.places
				}
			}
			assert.Equal(t, want, got)
		})
	}
}

func TestCheck_exceptionsAndFamiliesThatAreGone(t *testing.T) {
	t.Parallel()
	tree := made(t, "internal", "client")
	r := small
	r.belowRoot = map[string]string{"internal/...": "for once"}
	r.aboveRoot = map[string]string{"client": "the way to the engine", "producer": "for once"}
	r.families = map[string]string{"Config": "stream.go", "Record": "put.go"}
	assert.Empty(t, tree.importsOfRootBelow(r))
	assert.Empty(t, tree.importsOfRootAbove(r))
	assert.Equal(t, []string{"rules.go: there is no type Record any more to be in put.go"}, tree.typesOutOfPlace(r))
}

func TestMeasure_soundTree(t *testing.T) {
	t.Parallel()
	got := make(map[string]float64)
	for _, f := range made(t).measure(small) {
		got[f.name] = f.n
		assert.Contains(t, bounds, f.name)
	}
	assert.Equal(t, map[string]float64{
		sourceFiles:   2,
		withoutTest:   1,    // shard.go
		testOfNothing: 0,    // stream_test.go has its file
		largestKnot:   1,    // shard.go needs nothing of stream.go
		arrowsAFile:   0.5,  // only the way down
		topLevelNames: 3,    // Config New Stream
		streamMethods: 3,    // Forgotten Put String
		unusedNames:   22.2, // Config.Unused, Stream.Forgotten, Stream.String of 9
		wideComments:  0,
	}, got)
}

func TestMeasure_whatStandsBehindIt(t *testing.T) {
	t.Parallel()
	tree := made(t, "shard", "long")
	got := make(map[string][]string)
	for _, f := range tree.measure(small) {
		got[f.name] = f.places
	}
	assert.Equal(t, []string{
		"shard.go stream.go", // nothing depends on stream_shards.go
		"1 without shard.go -> stream.go: Forgotten Stream",
		"1 without stream.go -> shard.go: add shard",
	}, got[largestKnot])
	assert.Equal(t, []string{"Config: Unused", "Stream: Forgotten (String)"}, got[unusedNames])
	assert.Equal(t, []string{"long.go: lines 33"}, got[wideComments])
	assert.Equal(t, []string{"long.go", "shard.go", "stream_shards.go"}, got[withoutTest])
}

func TestLoad_whatDoesNotBuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/weir\n\ngo 1.25.0\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.work"), []byte("go 1.25.0\n\nuse .\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "stream.go"), []byte("package weir\n\nvar n int = \"one\"\n"), 0o644))
	_, err := load(dir)
	require.ErrorContains(t, err, "the workspace must build first")
	assert.ErrorContains(t, err, "stream.go:3")
}

func TestJudge_boundAndGoal(t *testing.T) {
	for name, tt := range map[string]struct {
		n      float64
		broken bool
		note   string
	}{
		"worse than the bound":  {13, true, "13, the bound is 12: do less"},
		"at the bound":          {12, false, "12, 2 above the goal of 10"},
		"better than the bound": {11.5, false, "11.5, 1.5 above the goal of 10; hold it: the bound is still 12 (-set)"},
		"at the goal":           {10, false, "10, the goal is 10; hold it: the bound is still 12 (-set)"},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge([]figure{{name: "a", n: tt.n, cure: "do less"}}, map[string]bound{"a": {goal: 10, bound: 12}})
			require.Len(t, got, 1)
			assert.Equal(t, tt.broken, got[0].broken)
			assert.Equal(t, tt.note, got[0].note)
		})
	}
	got := judge([]figure{{name: "b"}}, bounds)
	assert.Equal(t, []result{{rule: "b", broken: true, note: "0, which has no bound in bounds.go"}}, got)
}

func TestSetBounds_todayOrTheGoal(t *testing.T) {
	text, err := os.ReadFile("bounds.go")
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "bounds.go")
	require.NoError(t, os.WriteFile(name, text, 0o644))
	var figures []figure
	for name := range bounds {
		figures = append(figures, figure{name: name, n: 1234.5})
	}
	require.NoError(t, setBounds(name, figures))
	set, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, len(bounds), bytes.Count(set, []byte("bound: 1234.5}")), "a bound that -set does not know")

	for i := range figures {
		figures[i].n = 0
	}
	require.NoError(t, setBounds(name, figures))
	set, err = os.ReadFile(name)
	require.NoError(t, err)
	assert.Contains(t, string(set), "{goal: 4, bound: 4}")
}

func TestResult_printedWithItsPlaces(t *testing.T) {
	var w bytes.Buffer
	result{rule: "a rule", note: "1, the goal is 2", places: []string{"a.go:1"}}.print(&w, false)
	holds("another", "mend it", []string{"b.go:2"}).print(&w, false)
	assert.Equal(t, "ok    a rule: 1, the goal is 2\nFAIL  another: mend it\n      b.go:2\n", w.String())
}

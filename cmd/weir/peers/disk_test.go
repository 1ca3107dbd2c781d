package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever was acknowledged is there when the log is opened again.
func TestPeers_keepOnDisk(t *testing.T) {
	in := makeRecords(defaultSize)
	for _, p := range peers {
		if p.openDisk == nil {
			continue
		}
		for name, producers := range map[string]int{"one": 1, "many": diskProducers} {
			t.Run(p.name+"/"+name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "peer")
				l, err := p.openDisk(dir, producers)
				require.NoError(t, err)
				n, _, err := produce(l, producers, 0, func(l diskLog, i int) (int, error) { return 1, l.put(&in.records[i]) })
				require.NoError(t, errors.Join(err, l.close()))
				assert.Equal(t, producers, n, "each puts at least one")
				require.NoError(t, recount(p, dir, n))
				assert.EqualError(t, recount(p, dir, n+1), fmt.Sprintf("%d records are there of %d that were acknowledged", n, n+1))
			})
		}
		t.Run(p.name+"/batches", func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "peer")
			l, err := p.openDisk(dir, 1)
			require.NoError(t, err)
			if b, ok := l.(batcher); assert.True(t, ok) {
				require.NoError(t, b.putBatch(in.records[:batchSize]))
				require.NoError(t, b.putBatch(in.records[batchSize:2*batchSize]))
			}
			require.NoError(t, l.close())
			require.NoError(t, recount(p, dir, 2*batchSize))
		})
	}
}

// A small run measures every peer on disk and leaves no files.
func TestRun_onDisk(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	c, err := parse([]string{"-durable", "-quick", "-rounds", "1"}, io.Discard)
	require.NoError(t, err)
	r := newReport(c)
	require.NoError(t, measureAll(t.Context(), c, r, io.Discard))
	r.conclude()
	require.Len(t, r.Groups, 1)
	var measured []string
	for _, p := range r.Groups[0].Peers {
		assert.Empty(t, p.Failed, p.Name)
		for _, column := range diskColumns {
			assert.Positive(t, p.Medians[column.measure], "%s: %s", p.Name, column.title)
		}
		measured = append(measured, p.Name)
	}
	assert.Equal(t, []string{nameWeir, nameJetStream, namePebble, nameBbolt, nameTidwall, nameRaft}, measured)
	if assert.Len(t, r.Goals, 1) {
		assert.Equal(t, "D5", r.Goals[0].Number)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
}

// A peer that lost something is told, and has no figure.
func TestMeasureDisk_lost(t *testing.T) {
	p := peer{name: "forgetful", openDisk: func(string, int) (diskLog, error) { return forgetful{}, nil }}
	c, in := config{quick: true}, makeRecords(defaultSize)
	r := &result{Name: p.name, Values: make(map[measure][]float64)}
	r.take(diskParts(nil)[1], p, c, in, io.Discard)
	require.Len(t, r.Failed, 1)
	assert.Regexp(t, "^on disk, one producer: 0 records are there of [0-9]+ that were acknowledged$", r.Failed[0])
	assert.Empty(t, r.Values)

	found, err := diskParts(nil)[2].run(p, c, in)
	require.NoError(t, err, "it takes no batches, which is no failure")
	assert.Empty(t, found)
}

// A forgetful log keeps nothing.
type forgetful struct{}

func (forgetful) put(*record) error   { return nil }
func (forgetful) count() (int, error) { return 0, nil }
func (forgetful) close() error        { return nil }

package main

import (
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	c, err := parse(nil, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, config{rounds: 5, size: 100, format: formatText}, without(c))
	assert.Equal(t, names(peers), names(c.peers))

	c, err = parse([]string{"-rounds", "0", "-size", "1KiB", "-only", "pebble,memlog", "-quick", "-http", "f", "-markdown"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, config{rounds: 0, size: 1024, quick: true, http: "f", format: formatMarkdown}, without(c))
	assert.Equal(t, []string{nameWeir, nameMemlog, namePebble}, names(c.peers), "weir is always there, and first")

	c, err = parse([]string{"-only", "none", "--json"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{nameWeir}, names(c.peers))
	assert.Equal(t, formatJSON, c.format)

	c, err = parse([]string{"-durable", "-only", "memlog,bbolt"}, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, []string{nameWeir, nameBbolt}, names(c.peers), "memlog is not on disk")
}

// without returns a config without its peers, which cannot be compared.
func without(c config) config {
	c.peers = nil
	return c
}

func TestParse_refuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"argument":       {[]string{"kfake"}, `unexpected argument "kfake"`},
		"rounds below":   {[]string{"-rounds", "-1"}, "-rounds -1: must be a number from 0 to 1000"},
		"rounds above":   {[]string{"-rounds", "1001"}, "-rounds 1001: must be a number from 0 to 1000"},
		"size below":     {[]string{"-size", "7"}, "-size 7: must be from 8 to 65536 bytes, such as 100B or 1KiB"},
		"size above":     {[]string{"-size", "65KiB"}, "-size 65KiB: must be from 8 to 65536 bytes, such as 100B or 1KiB"},
		"size overflow":  {[]string{"-size", "9007199254740993KiB"}, "-size 9007199254740993KiB: must be from 8 to 65536 bytes, such as 100B or 1KiB"},
		"size in words":  {[]string{"-size", "big"}, "-size big: must be from 8 to 65536 bytes, such as 100B or 1KiB"},
		"size empty":     {[]string{"-size", "KiB"}, "-size KiB: must be from 8 to 65536 bytes, such as 100B or 1KiB"},
		"unknown peer":   {[]string{"-only", "kafka"}, `-only kafka: there is no "kafka"; there are weir, weir-one-shard, channel, memlog, memlog-sharded, jetstream, kfake, watermill, pebble, bbolt, tidwall-wal, raft-wal`},
		"empty peer":     {[]string{"-only", "kfake,"}, `-only kfake,: there is no ""; there are weir, weir-one-shard, channel, memlog, memlog-sharded, jetstream, kfake, watermill, pebble, bbolt, tidwall-wal, raft-wal`},
		"both formats":   {[]string{"-json", "-markdown"}, "-json and -markdown exclude each other"},
		"unknown option": {[]string{"-loud"}, "flag provided but not defined: -loud"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(test.args, io.Discard)
			assert.EqualError(t, err, test.want)
		})
	}
	_, err := parse([]string{"-help"}, io.Discard)
	assert.ErrorIs(t, err, flag.ErrHelp)
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"8": 8, "100B": 100, "1KiB": 1024, "64KiB": 65536, "65536": 65536} {
		n, err := parseSize(text)
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
}

// Larger records are as many fewer that the bytes stay the same, keys included.
func TestConfig_scalesCounts(t *testing.T) {
	for name, test := range map[string]struct {
		c             config
		n, size, want int
	}{
		"default size": {config{}, 1_000_000, 100, 1_000_000},
		"smaller":      {config{}, 1_000_000, 8, 1_000_000},
		"twice":        {config{}, 1_000_000, 216, 500_000},
		"whole batch":  {config{}, 10_000, 1024, 1_000},
		"one batch":    {config{}, 501, 65536, 500},
		"quick":        {config{quick: true}, 1_000_000, 100, 50_000},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, test.want, test.c.scaled(test.n, test.size)) })
	}
}

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// benchPeers runs weir bench peers.
func benchPeers(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	c := cli.NewBenchPeers()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&errs)
	err = c.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

func TestBenchPeers_refuses(t *testing.T) {
	const all = "weir-one-shard, channel, memlog, memlog-sharded, jetstream, kfake, watermill, pebble, bbolt, tidwall-wal, raft-wal, kinesalite, kinesis-local"
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"argument":     {[]string{"kfake"}, `unexpected argument "kfake"`},
		"no rounds":    {[]string{"--rounds", "0"}, `invalid argument "0" for "--rounds" flag: must be a number from 1 to 1000`},
		"unknown peer": {[]string{"--only", "kafka"}, `--only: there is no peer "kafka"; there are ` + all},
		"small data":   {[]string{"--size", "7"}, "--size 7B: must be from 8 bytes to 64KiB"},
		"large data":   {[]string{"--size", "65KiB"}, "--size 65KiB: must be from 8 bytes to 64KiB"},
		"both formats": {[]string{"--json", "--markdown"}, "--json and --markdown exclude each other"},
		"not embedded": {[]string{"--embedded", "--only", "pebble,kinesalite"}, "--only kinesalite: it is measured over HTTP, which --embedded leaves out"},
		"no directory": {[]string{"--dir", "/no/such/directory"}, "--dir: stat /no/such/directory: no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := benchPeers(t.Context(), test.args...)
			assert.EqualError(t, err, test.want)
		})
	}
}

func TestBenchPeers_withoutCheckout(t *testing.T) {
	dir := t.TempDir()
	_, _, err := benchPeers(t.Context(), "--dir", dir)
	assert.EqualError(t, err, dir+" is not in a source checkout of github.com/weirstream/weir, whose cmd/weir/peers it needs; name one with --dir")
}

// checkout makes a directory that looks like a checkout, with a program in
// place of the peers that prints its arguments, and a script in place of
// aws/peers/run.
func checkout(t *testing.T, program, script string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                 "module github.com/weirstream/weir\n\ngo 1.25.0\n",
		"cmd/weir/peers/go.mod":  "module peers\n\ngo 1.25.0\n",
		"cmd/weir/peers/main.go": program,
		"aws/peers/run":          script,
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o755))
	}
	return dir
}

// sayArguments prints its arguments, and what is in the file of -http.
const sayArguments = `package main

import (
	"fmt"
	"os"
)

func main() {
	for i, arg := range os.Args[1:] {
		if i > 0 && os.Args[i] == "-http" {
			text, err := os.ReadFile(arg)
			fmt.Print("[", string(text), "] ", err, " ")
		} else {
			fmt.Print(arg, " ")
		}
	}
}
`

func TestBenchPeers_embedded(t *testing.T) {
	dir := checkout(t, sayArguments, "exit 1")
	out, errs, err := benchPeers(t.Context(), "--dir", dir, "--embedded", "--size", "1KiB", "--rounds", "3", "--only", "pebble,kfake", "--markdown")
	require.NoError(t, err, errs)
	assert.Equal(t, "-size 1024 -rounds 3 -only kfake,pebble -markdown ", out)

	out, errs, err = benchPeers(t.Context(), "--dir", dir, "--durable", "--only", "raft-wal")
	require.NoError(t, err, errs)
	assert.Equal(t, "-size 100 -rounds 5 -only raft-wal -durable ", out, "nothing is measured over HTTP")
}

// fakePrograms makes what the script needs, so that nothing is missing.
func fakePrograms(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the script is for bash")
	}
	dir := t.TempDir()
	for _, name := range []string{"node", "npm"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755))
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestBenchPeers_addsWhatTheScriptFound(t *testing.T) {
	fakePrograms(t)
	dir := checkout(t, sayArguments, `echo "$@"; echo progress >&2`)
	out, errs, err := benchPeers(t.Context(), "--dir", dir, "--rounds", "2", "--only", "kinesalite", "--json")
	require.NoError(t, err, errs)
	assert.Equal(t, "-size 100 -rounds 0 -http [-json -rounds 2 -only put-record,put-records,get-records -servers kinesalite\n] <nil> -json ", out,
		"nothing is measured in this process")
	assert.Contains(t, errs, "progress\n")
}

func TestBenchPeers_scriptBreaksOff(t *testing.T) {
	fakePrograms(t)
	dir := checkout(t, sayArguments, `echo half; exit 7`)
	out, errs, err := benchPeers(t.Context(), "--dir", dir, "--only", "pebble,kinesis-local")
	require.NoError(t, err, errs)
	assert.Equal(t, "-size 100 -rounds 5 -only pebble -http [half\n] <nil> ", out)
	assert.Contains(t, errs, "weir bench peers: aws/peers/run broke off: exit status 7\n")

	dir = checkout(t, sayArguments, `exit 7`)
	_, _, err = benchPeers(t.Context(), "--dir", dir)
	assert.EqualError(t, err, "aws/peers/run found nothing; --embedded does without it: exit status 7")
}

// An interrupt during the script still prints what the script found.
func TestBenchPeers_interrupted(t *testing.T) {
	fakePrograms(t)
	began := filepath.Join(t.TempDir(), "began")
	script := fmt.Sprintf(`trap 'echo half; exit 130' INT TERM; echo > %q; while :; do sleep 0.01; done`, began)
	dir := checkout(t, sayArguments, script)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(time.Millisecond) {
			if _, err := os.Stat(began); err == nil {
				return
			}
		}
	}()
	out, errs, err := benchPeers(ctx, "--dir", dir)
	assert.EqualError(t, err, "interrupted", errs)
	assert.Equal(t, "-size 100 -rounds 0 -http [half\n] <nil> ", out)
}

func TestBenchPeers_saysWhatIsMissing(t *testing.T) {
	dir, empty := checkout(t, "", ""), t.TempDir()
	t.Setenv("PATH", empty)
	_, _, err := benchPeers(t.Context(), "--dir", dir)
	assert.EqualError(t, err, "it needs Go, to build the peers, and there is no go on the path")

	for _, name := range []string{"go", "bash"} {
		require.NoError(t, os.WriteFile(filepath.Join(empty, name), nil, 0o755))
	}
	_, _, err = benchPeers(t.Context(), "--dir", dir)
	assert.EqualError(t, err, "measuring kinesalite and kinesis-local needs bash, Node.js and npm, and there is no node on the path; --embedded leaves out the peers over HTTP")
}

func TestBenchPeers_buildFails(t *testing.T) {
	_, errs, err := benchPeers(t.Context(), "--dir", checkout(t, "package main\nfunc main() { nonsense }\n", ""), "--embedded")
	assert.ErrorContains(t, err, "building cmd/weir/peers, which downloads the peers at the first time: exit status 1")
	assert.Contains(t, errs, "undefined: nonsense")
}

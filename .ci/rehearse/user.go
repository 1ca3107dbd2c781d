package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// What the README tells people to type.
const (
	getLibrary = "go get github.com/weirstream/weir"
	getFake    = "go get github.com/weirstream/weir/aws"
	install    = "go install github.com/weirstream/weir/cmd/weir@latest"
)

// program is what somebody writes with weir and the fake.
//
//go:embed testdata/user
var program embed.FS

// use does in dir, which is new, what the README in clone says, with the
// modules in proxy.
func use(ctx context.Context, w io.Writer, rel release, clone, proxy, dir string) error {
	readme, err := os.ReadFile(filepath.Join(clone, "README.md"))
	if err != nil {
		return err
	}
	for _, line := range []string{getLibrary, getFake, install} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(line) + `( |$)`).Match(readme) {
			return fmt.Errorf("README.md does not say %q", line)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	env, err := environment(ctx, dir, proxy)
	if err != nil {
		return err
	}
	u := user{ctx: ctx, w: w, dir: filepath.Join(dir, "program"), bin: filepath.Join(dir, "bin"), env: env}
	if err := u.write(program); err != nil {
		return err
	}
	u.run("go mod init example.com/program")
	u.run(getLibrary)
	u.run(getFake)
	u.run("go mod tidy")
	u.expect(rel.version, "go list -m -f {{.Version}} "+rootPath)
	u.expect(rel.version, "go list -m -f {{.Version}} "+rootPath+"/aws")
	u.expect("user-1: hello", "go run .")
	u.run("go test .")
	u.run(install)
	u.expect("weir version "+rel.version, filepath.Join(u.bin, "weir")+" --version")
	u.demo(1000)
	return u.err
}

// environment is that of a machine with a module cache of its own, which asks
// our proxy first, then the module cache of this one, then whom this one asks.
func environment(ctx context.Context, dir, proxy string) ([]string, error) {
	text, err := command(ctx, dir, nil, "go", "env", "-json", "GOPROXY", "GOMODCACHE", "GONOSUMDB")
	if err != nil {
		return nil, err
	}
	var here struct{ GOPROXY, GOMODCACHE, GONOSUMDB string }
	if err := json.Unmarshal([]byte(text), &here); err != nil {
		return nil, err
	}
	return append(os.Environ(),
		"GOWORK=off",
		"GOFLAGS=-modcacherw -trimpath", // so that what was built in another directory need not be built again
		"GOMODCACHE="+filepath.Join(dir, "mod"),
		"GOBIN="+filepath.Join(dir, "bin"),
		"GOPROXY=file://"+filepath.ToSlash(proxy)+",file://"+filepath.ToSlash(here.GOMODCACHE)+"/cache/download,"+here.GOPROXY,
		"GONOPROXY=none",
		"GONOSUMDB="+strings.Trim(here.GONOSUMDB+","+rootPath, ","), // what is not published has no checksum
	), nil
}

// A user types one command after the other, and none after one that failed.
type user struct {
	ctx context.Context
	w   io.Writer
	dir string // of the program
	bin string
	env []string
	err error
}

// write puts the program's files into its directory.
func (u *user) write(files embed.FS) error {
	const from = "testdata/user"
	if err := os.MkdirAll(u.dir, 0o755); err != nil {
		return err
	}
	entries, err := files.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := files.ReadFile(from + "/" + e.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(u.dir, e.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command and returns what it printed.
func (u *user) run(line string) string {
	if u.err != nil {
		return ""
	}
	begin := time.Now()
	words := strings.Fields(line)
	out, err := command(u.ctx, u.dir, u.env, words[0], words[1:]...)
	u.err = err
	fmt.Fprintf(u.w, "%5.1fs  %s\n", time.Since(begin).Seconds(), line)
	return out
}

// expect runs a command that prints one line.
func (u *user) expect(want, line string) {
	out := strings.TrimSpace(u.run(line))
	if u.err == nil && out != want {
		u.err = fmt.Errorf("%s: printed %q, want %q", line, out, want)
	}
}

// demo runs the program that was installed, and checks what it counts.
func (u *user) demo(events int) {
	out := u.run(fmt.Sprintf("%s demo --events %d --limits none --json", filepath.Join(u.bin, "weir"), events))
	if u.err != nil {
		return
	}
	var counts struct {
		In       int `json:"records_in"`
		Out      int `json:"records_out"`
		Disorder int `json:"order_violations"`
	}
	if err := json.Unmarshal([]byte(out), &counts); err != nil {
		u.err = fmt.Errorf("weir demo: %w", err)
		return
	}
	if counts.In != events || counts.Out != events || counts.Disorder != 0 {
		u.err = fmt.Errorf("weir demo: %d records in, %d out, %d out of order", counts.In, counts.Out, counts.Disorder)
	}
}

// command runs a program in dir and returns what it prints; its error has what
// it says of it. A nil env is this program's own.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

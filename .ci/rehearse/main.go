// Rehearse releases the last commit into a directory, and then is somebody who
// has never seen the repository: gets the library and the fake as the README
// says, builds and tests a program with both, installs weir and runs it.
//
//	cd .ci/rehearse && go run .                the rehearsal
//	cd .ci/rehearse && go run . -set v0.2.0    the version to release next
//
// What is not committed takes no part. Modules of others come from the module
// cache, or from the configured proxy if they are not there.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	set := flag.String("set", "", "write this `version` into each go.mod and go.work, and rehearse nothing")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *set); err != nil {
		fmt.Fprintln(os.Stderr, "rehearse:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, w io.Writer, set string) error {
	root, err := command(ctx, ".", nil, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	root = strings.TrimSpace(root)
	if set != "" {
		return setVersion(ctx, root, set)
	}
	work, err := os.MkdirTemp("", "weir-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	return rehearse(ctx, w, root, work)
}

// rehearse does it all below work, which it leaves to the caller to remove.
func rehearse(ctx context.Context, w io.Writer, root, work string) error {
	if left, err := command(ctx, root, nil, "git", "status", "--porcelain"); err != nil {
		return err
	} else if left != "" {
		fmt.Fprintf(w, "left out, because not committed:\n%s", left)
	}
	clone := filepath.Join(work, "clone")
	if _, err := command(ctx, work, nil, "git", "clone", "-q", "--depth", "1", "file://"+root, clone); err != nil {
		return err
	}
	rel, err := readRelease(clone)
	if err != nil {
		return err
	}
	proxy := filepath.Join(work, "proxy")
	if err := publish(rel, clone, proxy); err != nil {
		return err
	}
	for _, m := range rel.modules {
		fmt.Fprintf(w, "released %s as %s\n", m.path, m.tag(rel.version))
	}
	return use(ctx, w, rel, clone, proxy, filepath.Join(work, "user"))
}

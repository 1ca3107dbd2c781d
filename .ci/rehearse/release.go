package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/modfile"
	modpath "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// rootPath is the path of the first module; the others' begin with it.
const rootPath = "github.com/weirstream/weir"

// A release is what people can get: the modules of the workspace at one
// version.
type release struct {
	version string
	modules []module
}

// A module is one of them.
type module struct {
	path string
	dir  string // below the root of the repository, "." for the root
	file *modfile.File
}

// tag is the name that the module's commit gets in the repository.
func (m module) tag(version string) string { return path.Join(m.dir, version) }

// readRelease reads the modules that go.work names, and the version at which
// they require each other. It fails if somebody who gets one of them could not
// use it.
func readRelease(dir string) (release, error) {
	text, err := os.ReadFile(filepath.Join(dir, "go.work"))
	if err != nil {
		return release{}, err
	}
	work, err := modfile.ParseWork("go.work", text, nil)
	if err != nil {
		return release{}, err
	}
	var rel release
	for _, u := range work.Use {
		m := module{dir: path.Clean(u.Path)}
		name := path.Join(m.dir, "go.mod")
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return release{}, err
		}
		if m.file, err = modfile.Parse(name, text, nil); err != nil {
			return release{}, err
		}
		m.path = m.file.Module.Mod.Path
		rel.modules = append(rel.modules, m)
	}
	if rel.version, err = check(rel.modules); err != nil {
		return release{}, err
	}
	return rel, checkWork(work, rel)
}

// check returns the version at which the modules require each other, or all
// that keeps them from being got.
func check(modules []module) (version string, err error) {
	var wrong []error
	report := func(m module, line *modfile.Line, format string, args ...any) {
		at := fmt.Sprintf("%s:%d: ", path.Join(m.dir, "go.mod"), line.Start.Line)
		wrong = append(wrong, fmt.Errorf(at+format, args...))
	}
	released := make(map[string]bool)
	for _, m := range modules {
		released[m.path] = true
		if want := path.Join(rootPath, m.dir); m.path != want {
			report(m, m.file.Module.Syntax, "module %s: in this directory it is %s", m.path, want)
		}
	}
	for _, m := range modules {
		for _, r := range m.file.Replace {
			report(m, r.Syntax, "replace %s: it holds in a checkout only, and go install refuses it", r.Old.Path)
		}
		for _, e := range m.file.Exclude {
			report(m, e.Syntax, "exclude %s: it holds in a checkout only, and go install refuses it", e.Mod.Path)
		}
		for _, r := range m.file.Require {
			switch {
			case !isOurs(r.Mod.Path):
			case !released[r.Mod.Path]:
				report(m, r.Syntax, "require %s: no module of go.work", r.Mod.Path)
			case !publishable(r.Mod.Version):
				report(m, r.Syntax, "require %s %s: not a version that is released", r.Mod.Path, r.Mod.Version)
			case version != "" && version != r.Mod.Version:
				report(m, r.Syntax, "require %s %s: others require %s", r.Mod.Path, r.Mod.Version, version)
			default:
				version = r.Mod.Version
			}
		}
	}
	if version == "" && wrong == nil {
		wrong = append(wrong, errors.New("no module requires another: there is no version to release"))
	}
	return version, errors.Join(wrong...)
}

// isOurs reports whether path is that of a module of this repository.
func isOurs(path string) bool { return path == rootPath || strings.HasPrefix(path, rootPath+"/") }

// publishable reports whether v can be the name of a tag that one means to
// make.
func publishable(v string) bool {
	return semver.Canonical(v) == v && v != "v0.0.0" && !modpath.IsPseudoVersion(v)
}

// checkWork sees to it that a checkout takes its own modules for that version,
// or it would ask a proxy for what is not published yet.
func checkWork(work *modfile.WorkFile, rel release) error {
	replaced := make(map[string]bool)
	for _, r := range work.Replace {
		if r.Old.Version != rel.version {
			return fmt.Errorf("go.work:%d: replace %s %s: the go.mod files require %s", r.Syntax.Start.Line, r.Old.Path, r.Old.Version, rel.version)
		}
		replaced[r.Old.Path] = true
	}
	for _, m := range rel.modules {
		for _, r := range m.file.Require {
			if isOurs(r.Mod.Path) && !replaced[r.Mod.Path] {
				return fmt.Errorf("go.work: no replace for %s, which %s requires", r.Mod.Path, m.path)
			}
		}
	}
	return nil
}

// ours matches one of our own modules and its version, in a go.mod or go.work.
var ours = regexp.MustCompile(`(?m)^((?:require |replace |\t)` + regexp.QuoteMeta(rootPath) + `(?:/\S+)?) v\S+`)

// setVersion writes the version at which the modules require each other into
// the files of the checkout in dir.
func setVersion(ctx context.Context, dir, version string) error {
	if !publishable(version) {
		return fmt.Errorf("%q: want a version such as v0.2.0", version)
	}
	names, err := command(ctx, dir, nil, "git", "ls-files", "go.work", "go.mod", "*/go.mod")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(names) {
		file := filepath.Join(dir, filepath.FromSlash(name))
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, ours.ReplaceAll(text, []byte("${1} "+version)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A tree is a workspace as its rules see it.
type tree struct {
	dir       string // absolute
	root      *unit  // the package in dir, without its tests
	units     []*unit
	files     []*source  // all Go files but those of testdata and of directories with a dot
	documents []document // all Markdown, but likewise
}

// A document is a file of Markdown.
type document struct {
	place string // relative, with slashes
	lines []string
}

// A unit is one package of the workspace, type-checked. A package that has tests
// is there once more with each kind of them.
type unit struct {
	path  string // as it is imported
	place string // relative to the tree's directory; "." is the root
	fset  *token.FileSet
	files []*ast.File
	pkg   *types.Package
	info  *types.Info
}

// A source is one file, parsed with its comments.
type source struct {
	place string // relative, with slashes
	fset  *token.FileSet
	file  *ast.File
	lines []string
}

// at says where something is, so that an editor can go there.
func (s *source) at(pos token.Pos) string {
	return s.place + ":" + strconv.Itoa(s.fset.Position(pos).Line)
}

// listed is what we read of go list's answer.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	ImportMap               map[string]string
	Module                  *struct{ Main bool }
}

// load reads and type-checks the workspace in dir.
func load(dir string) (*tree, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	t := &tree{dir: dir}
	if err := t.read(dir); err != nil {
		return nil, err
	}
	packages, err := list(dir)
	if err != nil {
		return nil, err
	}
	exports := make(map[string]string)
	for _, p := range packages {
		exports[p.ImportPath] = p.Export
	}
	for _, p := range packages {
		// A test's main package is generated, and lies in no directory of ours.
		if p.Module == nil || !p.Module.Main || strings.HasSuffix(p.ImportPath, ".test") {
			continue
		}
		u, err := check(dir, p, exports)
		if err != nil {
			return nil, err
		}
		t.units = append(t.units, u)
		if u.place == "." && u.path == p.ImportPath {
			t.root = u
		}
	}
	if t.root == nil {
		return nil, fmt.Errorf("no package in %s", dir)
	}
	return t, nil
}

// list asks go for all packages of the workspace, their tests, and where the
// compiler has put what they export.
func list(dir string) ([]listed, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-test",
		"-json=ImportPath,Dir,Export,GoFiles,ImportMap,Module", "work")
	cmd.Dir = dir
	// This program runs outside the workspace that it looks at.
	cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(dir, "go.work"))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the workspace must build first: go list: %w\n%s", err, complaints.String())
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// check type-checks one package, and takes what it imports from the compiler.
func check(dir string, p listed, exports map[string]string) (*unit, error) {
	place, err := filepath.Rel(dir, p.Dir)
	if err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(p.ImportPath, " ") // a test's has "[x.test]" behind it
	u := &unit{
		path: path, place: filepath.ToSlash(place), fset: token.NewFileSet(),
		info: &types.Info{Uses: make(map[*ast.Ident]types.Object)},
	}
	for _, name := range p.GoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		file, err := parser.ParseFile(u.fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		u.files = append(u.files, file)
	}
	conf := types.Config{Importer: importer.ForCompiler(u.fset, "gc", func(path string) (io.ReadCloser, error) {
		if mapped, ok := p.ImportMap[path]; ok {
			path = mapped
		}
		return os.Open(exports[path])
	})}
	if u.pkg, err = conf.Check(path, u.fset, u.files, u.info); err != nil {
		return nil, fmt.Errorf("the workspace must build first: %w", err)
	}
	return u, nil
}

// read reads all Go files and documents below dir.
func (t *tree) read(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != dir && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(name)
		if ext != ".go" && ext != ".md" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		place, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		place, lines := filepath.ToSlash(place), slices.Collect(strings.Lines(string(text)))
		if ext == ".md" {
			t.documents = append(t.documents, document{place, lines})
			return nil
		}
		s := &source{place: place, fset: token.NewFileSet(), lines: lines}
		s.file, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		t.files = append(t.files, s)
		return err
	})
}

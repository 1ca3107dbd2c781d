package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	modpath "golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// publish writes the modules of the repository in clone into dir, as a module
// proxy keeps them: https://go.dev/ref/mod#goproxy-protocol.
func publish(rel release, clone, dir string) error {
	for _, m := range rel.modules {
		if err := publishModule(m, rel.version, clone, dir); err != nil {
			return err
		}
	}
	return nil
}

func publishModule(m module, version, clone, dir string) error {
	escaped, err := modpath.EscapePath(m.path)
	if err != nil {
		return err
	}
	base := filepath.Join(dir, filepath.FromSlash(escaped))
	at := filepath.Join(base, "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(clone, filepath.FromSlash(m.dir), "go.mod"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{version, time.Now().UTC()})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(base, "@latest"), info, 0o644),
		os.WriteFile(filepath.Join(at, "list"), []byte(version+"\n"), 0o644),
		os.WriteFile(filepath.Join(at, version+".info"), info, 0o644),
		os.WriteFile(filepath.Join(at, version+".mod"), mod, 0o644),
		writeZip(filepath.Join(at, version+".zip"), m, version, clone),
	)
}

// writeZip packs what git has of the module, as the go command does.
func writeZip(name string, m module, version, clone string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	dir := m.dir
	if dir == "." {
		dir = ""
	}
	err = zip.CreateFromVCS(f, modpath.Version{Path: m.path, Version: version}, clone, "HEAD", dir)
	return errors.Join(err, f.Close())
}

package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"reflect"
)

// formatVersion is the manifest's. A program reads the versions up to its own; the
// streams' files have a version of theirs.
const formatVersion = 1

// A manifest says what the directory holds.
type manifest struct {
	// Generation counts the saves. It is part of the names of the files that a save
	// writes.
	Generation uint64         `json:"generation"`
	Accounts   []savedAccount `json:"accounts"`
}

type savedAccount struct {
	ID       string          `json:"id"`
	Region   string          `json:"region"`
	Settings json.RawMessage `json:"settings,omitempty"`
	Streams  []savedStream   `json:"streams"`
}

type savedStream struct {
	Name     string `json:"name"`
	File     string `json:"file"`
	Size     int64  `json:"size"`
	Checksum string `json:"crc32c"`
	Version  string `json:"version,omitempty"`
}

// check reads a stream's file and refuses one that is not as it was written.
func (s savedStream) check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() // it is read only
	sum := crc32.New(castagnoli)
	size, err := io.Copy(sum, f)
	switch {
	case err != nil:
		return err
	case size != s.Size:
		return damaged(path, fmt.Errorf("it has %d bytes instead of %d", size, s.Size))
	case checksum(sum.Sum32()) != s.Checksum:
		return damaged(path, errChecksum)
	default:
		return nil
	}
}

// An envelope is a manifest as it is written: with the checksum of its bytes.
type envelope struct {
	Version  int             `json:"weir_state"`
	Checksum string          `json:"crc32c"`
	Manifest json.RawMessage `json:"manifest"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns a CRC-32C as it is written.
func checksum(sum uint32) string { return fmt.Sprintf("%08x", sum) }

func checksumOf(b []byte) string { return checksum(crc32.Checksum(b, castagnoli)) }

// readManifest reads a manifest. The error names the file.
func readManifest(path string) (m manifest, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	// The version first: all else may look otherwise in a later one.
	var v struct {
		Version int `json:"weir_state"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return m, damaged(path, err)
	}
	if v.Version > formatVersion {
		return m, laterVersion(path, v.Version)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return m, damaged(path, err)
	}
	switch {
	case e.Version < 1:
		return m, damaged(path, errors.New("it has no version"))
	case checksumOf(e.Manifest) != e.Checksum:
		return m, damaged(path, errChecksum)
	}
	if err := json.Unmarshal(e.Manifest, &m); err != nil {
		return m, damaged(path, err)
	}
	return m, nil
}

// writeManifest makes m the directory's manifest.
func (d *Dir) writeManifest(m manifest) error {
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	text, err := json.Marshal(envelope{formatVersion, checksumOf(content), content})
	if err != nil {
		return err
	}
	path := d.file(manifestName)
	if _, _, err := writeFile(path+tempSuffix, func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	}); err != nil {
		return err
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	d.last = m
	return d.sync()
}

// writeFile writes a file, waits until it is durable but for its name, and returns
// its size and checksum.
func writeFile(path string, write func(io.Writer) error) (size int64, sum string, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return 0, "", err
	}
	hash := crc32.New(castagnoli)
	err = write(io.MultiWriter(f, hash))
	if err != nil {
		return 0, "", errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	if size, err = f.Seek(0, io.SeekCurrent); err == nil {
		err = f.Sync()
	}
	return size, checksum(hash.Sum32()), errors.Join(err, f.Close())
}

// stream returns a stream of the manifest, or nil.
func (m manifest) stream(account, region, name string) *savedStream {
	for _, a := range m.Accounts {
		for i := range a.Streams {
			if a.ID == account && a.Region == region && a.Streams[i].Name == name {
				return &a.Streams[i]
			}
		}
	}
	return nil
}

// files returns the names of the streams' files.
func (m manifest) files() map[string]bool {
	names := make(map[string]bool)
	for _, a := range m.Accounts {
		for _, s := range a.Streams {
			names[s.File] = true
		}
	}
	return names
}

// equal reports whether two manifests say the same.
func (m manifest) equal(o manifest) bool { return reflect.DeepEqual(m.Accounts, o.Accounts) }

var errChecksum = errors.New("the checksum does not match")

func damaged(path string, err error) error { return fmt.Errorf("%s is damaged: %w", path, err) }

func laterVersion(path string, version int) error {
	return fmt.Errorf("%s is of version %d; this program reads versions up to %d", path, version, formatVersion)
}

//go:build unix

package delivery

import (
	"errors"
	"os"
)

// syncDirectory makes durable which files a directory has.
func syncDirectory(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

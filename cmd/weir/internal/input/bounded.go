package input

import (
	"fmt"
	"io"
)

// ReadAll reads all of r, and refuses what is larger than so many bytes without
// reading further.
func ReadAll(r io.Reader, most int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > most:
		return nil, fmt.Errorf("is larger than %d bytes", most)
	}
	return text, nil
}

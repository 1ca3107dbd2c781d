package delivery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/weirstream/weir"
)

// MaxParts is how many documents one record may have.
const MaxParts = 100_000

// DefaultMaxDecompressed bounds what becomes of a record that is decompressed.
const DefaultMaxDecompressed = 16 << 20

// SplitJSON takes apart data that has several JSON values behind each other, with
// white space between them or without. It is for [Config].Split.
func SplitJSON(data []byte) (parts [][]byte, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	for {
		var part json.RawMessage
		switch err := decoder.Decode(&part); {
		case err == io.EOF:
			return parts, nil
		case err != nil:
			return nil, fmt.Errorf("document %d: %w", len(parts)+1, err)
		}
		if parts = append(parts, part); len(parts) > MaxParts {
			return parts, nil // refused as too many
		}
	}
}

// SplitAt returns a function that takes data apart at a delimiter, which must
// not be empty; parts have it no more. Nothing is a part: neither between two
// delimiters nor at an end. It is for [Config].Split.
func SplitAt(delimiter string) (func(data []byte) ([][]byte, error), error) {
	if delimiter == "" {
		return nil, &weir.ArgumentError{Field: "delimiter", Reason: "is empty"}
	}
	return func(data []byte) (parts [][]byte, err error) {
		for found := true; found && len(parts) <= MaxParts; {
			var part []byte
			if part, data, found = bytes.Cut(data, []byte(delimiter)); len(part) > 0 {
				parts = append(parts, part)
			}
		}
		return parts, nil
	}, nil
}

// Gunzip returns a function that decompresses gzip, of any number of members, up
// to so many bytes: what is larger is an error. Zero means
// [DefaultMaxDecompressed]. It is for [Config].Decompress.
func Gunzip(most int) func(data []byte) ([]byte, error) {
	if most <= 0 {
		most = DefaultMaxDecompressed
	}
	return func(data []byte) ([]byte, error) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		out, err := io.ReadAll(io.LimitReader(z, int64(most)+1))
		if err == nil && len(out) > most {
			err = fmt.Errorf("it has more than %d bytes when it is decompressed", most)
		}
		return out, err
	}
}

// A logsMessage is what CloudWatch Logs sends to a subscription.
type logsMessage struct {
	MessageType string `json:"messageType"`
	LogEvents   []struct {
		Message string `json:"message"`
	} `json:"logEvents"`
}

// logMessages returns the messages of log events, with a line end between two.
// control says that it has none, because it is about the subscription itself.
func logMessages(data []byte) (out []byte, control bool, err error) {
	var m logsMessage
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, false, err
	}
	switch m.MessageType {
	case "CONTROL_MESSAGE":
		return nil, true, nil
	case "DATA_MESSAGE":
	case "":
		return nil, false, errors.New("it has no messageType")
	default:
		return nil, false, fmt.Errorf("its messageType %q is neither DATA_MESSAGE nor CONTROL_MESSAGE", m.MessageType)
	}
	for i, e := range m.LogEvents {
		if i > 0 {
			out = append(out, '\n')
		}
		out = append(out, e.Message...)
	}
	return out, false, nil
}

package workload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxKeyLine is how long a line may be: a key, a tab and a weight.
const maxKeyLine = 4096

// ParseKeys reads a key a line, and after a tab its weight if it is not 1. Empty
// lines are left out. At most [MaxKeys] are read; there must be one at least.
func ParseKeys(r io.Reader) ([]WeightedKey, error) {
	var keys []WeightedKey
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, maxKeyLine), maxKeyLine)
	number := 0
	for lines.Scan() {
		number++
		if lines.Text() == "" {
			continue
		}
		key, err := parseKeyLine(lines.Text())
		if err == nil && len(keys) == MaxKeys {
			err = fmt.Errorf("more than %d keys", MaxKeys)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		keys = append(keys, key)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: longer than %d bytes", number+1, maxKeyLine)
	}
	if lines.Err() == nil && len(keys) == 0 {
		return nil, errors.New("no keys")
	}
	return keys, lines.Err()
}

func parseKeyLine(line string) (WeightedKey, error) {
	key, weight, found := strings.Cut(line, "\t")
	if err := checkKey(key); err != nil {
		return WeightedKey{}, fmt.Errorf("key %w", err)
	}
	if !found {
		return WeightedKey{key, 1}, nil
	}
	n, err := parseNumber(weight)
	if err != nil || n < minWeight || n > maxWeight {
		return WeightedKey{}, fmt.Errorf("weight %q is no number from %v to %v", weight, minWeight, maxWeight)
	}
	return WeightedKey{key, n}, nil
}

// ReadKeys returns w with the keys of all its key files in place of their names.
func (w Workload) ReadKeys(open func(file string) (io.ReadCloser, error)) (Workload, error) {
	w.Traffic = slices.Clone(w.Traffic)
	total := 0
	for i := range w.Traffic {
		k := &w.Traffic[i].Keys
		if k.File == "" {
			continue
		}
		keys, err := readKeyFile(k.File, open)
		if err != nil {
			return Workload{}, fmt.Errorf("traffic[%d].keys.file: %s: %w", i, k.File, err)
		}
		if total += len(keys); total > MaxKeys {
			return Workload{}, fmt.Errorf("traffic[%d].keys.file: %s: more than %d keys in all files", i, k.File, MaxKeys)
		}
		k.File, k.Weighted = "", keys
	}
	return w, nil
}

func readKeyFile(name string, open func(file string) (io.ReadCloser, error)) ([]WeightedKey, error) {
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ParseKeys(file)
}

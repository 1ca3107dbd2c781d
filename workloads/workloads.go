// Package workloads holds ready-made workloads: the traffic of a website, logs,
// devices, deliveries and the days on which something goes wrong. Each is a YAML
// file whose comments say what it models and what it shows. docs/workloads.md
// tells of all of them, and of the language they are written in.
package workloads

import (
	"embed"
	"io/fs"
)

//go:embed *.yaml
var files embed.FS

// Files returns the workloads, a file each: "clickstream.yaml" and so on.
func Files() fs.FS { return files }

package cli

import "github.com/spf13/cobra"

// NewBenchPeers returns the command alone.
func NewBenchPeers() *cobra.Command { return newBenchPeers() }

// FindCheckout returns the checkout that a directory is in.
func FindCheckout(dir string) (string, error) { return findCheckout(dir) }

// PeerNames returns the peers that are measured in this process, and over HTTP.
func PeerNames() (embedded, http []string) { return embeddedPeers, httpPeers }

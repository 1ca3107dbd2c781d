// Package collector checks that the OpenTelemetry collector's receiver for
// Firehose takes what a delivery sends over HTTP. It is a module of its own
// because of what it downloads.
package collector

package kinesisserver

import (
	"log/slog"
	"net/http"
	"time"
)

// logExchange logs a request that was answered: never what it carried or was
// signed with.
func (s *Server) logExchange(x *exchange, r *http.Request, took time.Duration) {
	if s.config.Log == nil {
		return
	}
	level := slog.LevelInfo
	if x.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	name := ""
	if x.op != nil {
		name = x.op.name
	}
	attrs := []slog.Attr{
		slog.String("request", x.id),
		slog.String("operation", name),
		slog.Int("status", x.status),
		slog.String("remote", r.RemoteAddr),
		slog.String("proto", r.Proto),
		slog.Int("received", x.received),
		slog.Int64("sent", x.written),
		slog.Duration("took", took),
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", x.code))
	}
	if x.accessID != "" {
		attrs = append(attrs, slog.String("access_key", x.accessID))
	}
	if x.tenant != (tenant{}) {
		attrs = append(attrs, slog.String("account", x.tenant.account), slog.String("region", x.tenant.region))
	}
	s.config.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

package io.weir.clients;

import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.ProtocolNegotiation;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClientBuilder;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** Clients for the server. */
final class Clients {
  // The regions of the server, by how their accounts behave.
  static final Region INSTANT = Region.US_EAST_1;
  static final Region PACED = Region.US_WEST_2;
  static final Region LIMITED = Region.EU_WEST_1;
  static final Region HASTY = Region.AP_SOUTHEAST_2; // a second lasts a hundred

  static final String HTTP = System.getenv("WEIR_HTTP");
  static final String HTTPS = System.getenv("WEIR_HTTPS");

  private static final AtomicLong accounts = new AtomicLong();

  private Clients() {}

  /** An account that no other check uses. */
  static String newAccount() {
    return String.format("5%011d", accounts.incrementAndGet());
  }

  static AwsCredentialsProvider credentials(String account) {
    return StaticCredentialsProvider.create(AwsBasicCredentials.create(account, "secret"));
  }

  /** An HTTP client of a protocol; over TLS, HTTP/2 is negotiated unless it is assumed. */
  static SdkAsyncHttpClient http(Protocol protocol, boolean negotiated) {
    NettyNioAsyncHttpClient.Builder b = NettyNioAsyncHttpClient.builder()
        .protocol(protocol).maxConcurrency(100).readTimeout(Duration.ofSeconds(60))
        .tlsTrustManagersProvider(Clients::trust);
    if (negotiated) {
      b.protocolNegotiation(ProtocolNegotiation.ALPN);
    }
    return b.build();
  }

  /** Trusts the server's certificate and no other. */
  private static TrustManager[] trust() {
    try (InputStream in = new FileInputStream(System.getenv("WEIR_CA"))) {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      int n = 0;
      for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("server-" + n++, c);
      }
      TrustManagerFactory f = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      f.init(store);
      return f.getTrustManagers();
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  static KinesisAsyncClient kinesis(SdkAsyncHttpClient http, String endpoint, String account, Region region, ExecutionInterceptor... watch) {
    KinesisAsyncClientBuilder b = KinesisAsyncClient.builder()
        .httpClient(http).endpointOverride(URI.create(endpoint)).region(region).credentialsProvider(credentials(account))
        .overrideConfiguration(o -> {
          o.retryStrategy(r -> r.maxAttempts(watch.length > 0 ? 3 : 1)).apiCallTimeout(Duration.ofMinutes(6));
          for (ExecutionInterceptor i : watch) {
            o.addExecutionInterceptor(i);
          }
        });
    return b.build();
  }

  static KinesisClient sync(String account) {
    return KinesisClient.builder().httpClient(UrlConnectionHttpClient.create()).endpointOverride(URI.create(HTTP))
        .region(INSTANT).credentialsProvider(credentials(account)).build();
  }
}

package io.weir.clients;

import java.util.ArrayList;
import java.util.List;
import software.amazon.awssdk.http.Protocol;

/** Drives a running server with the AWS SDK for Java v2 and the Kinesis Client Library. */
public final class Main {
  public static void main(String[] args) throws Exception {
    List<Thread> workers = new ArrayList<>();
    for (KclChecks kcl : List.of(new KclChecks(false), new KclChecks(true))) {
      Thread t = new Thread(kcl::run);
      t.start(); // they mostly wait, so the SDK's checks run beside them
      workers.add(t);
    }
    new SdkChecks("CBOR, HTTP/1.1", Protocol.HTTP1_1, Clients.HTTP, false).run();
    new SdkChecks("CBOR, h2c", Protocol.HTTP2, Clients.HTTP, false).run();
    new SdkChecks("CBOR, HTTP/2 TLS", Protocol.HTTP2, Clients.HTTPS, true).run();
    for (Thread t : workers) {
      t.join();
    }
    System.setProperty("aws.cborEnabled", "false"); // the SDK reads it when a client is made
    new SdkChecks("JSON, HTTP/1.1", Protocol.HTTP1_1, Clients.HTTP, false).run();
    System.exit(Suite.failed() ? 1 : 0);
  }
}

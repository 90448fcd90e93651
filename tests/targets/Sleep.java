/** Says "ready" and stays, so that a test can look at a JVM that has started. */
public class Sleep {
    public static void main(String[] arguments) throws InterruptedException {
        System.out.println("ready");
        Thread.sleep(600_000);
    }
}
